"""Advice on images."""

from __future__ import annotations

import sys

from .case import Case, follow
from .steps import ONE, another_cache, full_disk, healed, moved, no_home, no_processes, of_size_24, without_heic

CASES = [
    Case("Look at it: vaegan data {}", "prepare PHOTOS OUT --size 16 --workers 1", "SAID"),
    Case("Train on it: vaegan train --data {}", "prepare PHOTOS OUT --size 16 --workers 1", "SAID FASTER --run NEW-RUN"),
    Case("vaegan data SOURCE", "data RUN", "SAID --size 16", moved),
    Case(
        "to train on these images, prepare them again with another --size",
        "prepare PHOTOS SET --size 17 --workers 1",
        ("prepare PHOTOS OUT --size 16 --workers 1", "train FASTER --data OUT --run NEW-RUN"),
    ),
    Case(
        "the packed set {} is not finished: run the same vaegan prepare command again",
        "data SET",
        ("prepare PHOTOS SET --size 16 --workers 1", "data SET"),
        full_disk,
    ),
    Case("is a packed set already: train on it with: vaegan train --data {}", "prepare PACKED OUT", "SAID FASTER --run NEW-RUN"),
    Case(
        "--splits must be shares that add up to 1, such as 0.8 0.1 0.1, not {}",
        "prepare PHOTOS OUT --splits 8 1 1",
        "prepare PHOTOS OUT --splits 0.8 0.1 0.1 --size 16 --workers 1",
    ),
    Case(
        (": prepare the images again with: vaegan prepare IMAGES SET {}", "vaegan prepare IMAGES SET {}"),
        "encode RUN OUT",
        ("SAID --workers 1", "encode RUN SET"),
        of_size_24,
    ),
    *(
        Case("set the environment variable VAEGAN_CACHE to a folder that you can write to", command, (another_cache, command), no_home)
        for command in ("data PHOTOS --size 16", "score RUN PHOTOS", f"evaluate RUN --data PHOTOS --resamplings 2 {ONE}")
    ),
    Case(
        "avatars, which is the name of the built-in images, as in vaegan train --data avatars",
        "train --data=",
        "train FASTER --size 16 --data PHOTOS --run NEW-RUN",
    ),
    Case("vaegan prepare SOURCE OUT --workers 1", "prepare PHOTOS OUT --size 16 --workers 2", (healed, "SAID --size 16"), no_processes),
    Case("pip install 'datasets>=3'", "data hf:somebody/faces", lambda _: None, lambda w: w.patch.setitem(sys.modules, "datasets", None)),
    Case(
        "install a reader for HEIC with: pip install 'vaegan[heic]'",
        "data PHOTOS --size 16",
        (healed, "data PHOTOS --size 16"),
        without_heic,
    ),
]

test_the_advice_works = follow(CASES)
