"""Where images come from: one file a kind."""

from .registry import HUB, anchored, find_source, short_name

__all__ = ["HUB", "anchored", "find_source", "short_name"]
