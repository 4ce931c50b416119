"""The report: one page on a run, in one file, that asks nothing of any other machine."""

from ..callable_package import make_callable
from .live import LivePage
from .page import HERE, policy_hash, report

__all__ = ["HERE", "LivePage", "policy_hash", "report"]

make_callable(__name__)
