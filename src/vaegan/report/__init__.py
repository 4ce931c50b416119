"""The report: one page on a run, in one file, that asks nothing of any other machine."""

from ..callable_package import make_callable
from .live import LivePage
from .page import policy_hash, report, stylesheet

__all__ = ["LivePage", "policy_hash", "report", "stylesheet"]

make_callable(__name__)
