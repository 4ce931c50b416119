"""The command line."""

from .app import app
from .main import run

__all__ = ["app", "run"]
