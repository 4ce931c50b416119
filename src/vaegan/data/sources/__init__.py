"""Where images come from: one file a kind."""

from .beside import note_unused_table
from .columns import NO_CHOICES, ColumnChoices
from .registry import AVATARS, HUB, anchored, find_source, is_hub, is_plain, path_name, recognized, short_name

__all__ = [
    "AVATARS",
    "HUB",
    "NO_CHOICES",
    "ColumnChoices",
    "anchored",
    "find_source",
    "is_hub",
    "is_plain",
    "note_unused_table",
    "path_name",
    "recognized",
    "short_name",
]
