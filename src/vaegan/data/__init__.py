"""From a source of images to a packed set, made once, and from that to batches."""

from .images import Preparation
from .packed import ImageSet
from .sets import AVATARS, Numbers, cache_folder, open_images, open_packed, packed_folder, prepare, split

__all__ = [
    "AVATARS",
    "ImageSet",
    "Numbers",
    "Preparation",
    "cache_folder",
    "open_images",
    "open_packed",
    "packed_folder",
    "prepare",
    "split",
]
