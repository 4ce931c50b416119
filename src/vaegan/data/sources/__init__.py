"""Where images come from: one file a kind."""

from .registry import HUB, KINDS, anchored, find_source, short_name

__all__ = ["HUB", "KINDS", "anchored", "find_source", "short_name"]
