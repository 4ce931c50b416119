"""Advice on what is wrong with images."""

from __future__ import annotations

from .case import Case, follow
from .steps import with_a_copy

ONE_EPOCH = "train --data PHOTOS --size 16 --run NEW-RUN --device cpu --no-report --training.batch 16 --networks.width 0.0625"

CASES = [
    Case("--workers must be above 0, not {}", "doctor PHOTOS --workers 0", "doctor PHOTOS --size 16 --workers 1"),
    Case("vaegan train --data {}", "doctor PHOTOS --size 16 --workers 1", "SAID FASTER --run NEW-RUN"),
    Case(
        ("vaegan train --data SET", "vaegan prepare {} SET --leave-out {}"),
        "doctor OUT --size 16 --workers 1",
        ("SAID --workers 1", "train FASTER --data SET --run NEW-RUN"),
        with_a_copy,
    ),
    Case(
        "see all copies with: vaegan doctor {}",
        "train TINY --data OUT --size 16 --run NEW-RUN",
        "SAID --size 16 --workers 1",
        with_a_copy,
    ),
    Case(
        ", or set --data.held_out {}",
        "doctor PHOTOS --size 16 --workers 1",
        "train TINY --data PHOTOS --size 16 --run NEW-RUN --data.held_out 0.5",
    ),
    Case(
        ", or use --augmentation.flip, which mirrors them at random",
        "doctor PHOTOS --size 16 --workers 1",
        f"{ONE_EPOCH} --epochs 1 --augmentation.flip",
    ),
    Case(
        "{}: to use all of them, add --epochs 1",
        "doctor PHOTOS --size 16 --training.length=1step --training.batch 16",
        f"{ONE_EPOCH} --epochs 1",
    ),
    Case('"vaegan attributes" leaves {} out', "doctor PACKED --workers 1", "attributes RUN"),
]

test_the_advice_works = follow(CASES)
