"""The report: one page on a run, in one file, that asks nothing of any other machine."""

from .page import HERE, policy_hash, report

__all__ = ["HERE", "policy_hash", "report"]
