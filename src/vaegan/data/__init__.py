"""From a source of images to a packed set, made once, and from that to batches."""

from ..callable_package import make_callable
from .dataset import ImageSet
from .held_out import Indices, split
from .images import Preparation
from .join import join
from .prepare import LOADER, cache_folder, open_images, open_packed, pack_memory, packed_folder, prepare
from .sources import AVATARS

__all__ = [
    "AVATARS",
    "LOADER",
    "ImageSet",
    "Indices",
    "Preparation",
    "cache_folder",
    "join",
    "open_images",
    "open_packed",
    "pack_memory",
    "packed_folder",
    "prepare",
    "split",
]

make_callable(__name__)
