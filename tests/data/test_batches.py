"""Batches: every image once an epoch, the same for any number of processes, entered anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vaegan import UserError
from vaegan.data import ImageSet, Indices, Preparation, batches, split, writer
from vaegan.data.batches import Batches, to_tensor
from vaegan.data.sources.base import Item, Pixels, Source
from vaegan.settings import Augmentation

FLIP = Augmentation(flip=True)
IMAGES = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 6, 3), np.uint8)
NUMBERS = np.arange(3, 50)


def numbers_of(batch: torch.Tensor) -> list[int]:
    return ((batch[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_an_epoch_shows_every_image_once() -> None:
    batches = Batches(IMAGES, NUMBERS, 5, seed=0)
    assert batches.steps_per_epoch == 9
    epochs = [sorted(n for step in range(9) for n in numbers_of(batches(9 * epoch + step))) for epoch in (0, 1)]
    assert all(len(set(epoch)) == 45 and set(epoch) <= set(NUMBERS) for epoch in epochs)
    assert numbers_of(batches(0)) != numbers_of(batches(9))


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    wanted = [Batches(IMAGES, NUMBERS, 5, seed=0, augmentation=FLIP)(step) for step in range(20)]
    again = Batches(IMAGES, NUMBERS, 5, seed=0, augmentation=FLIP)
    for step in (17, 3, 0, 19, 8):
        assert torch.equal(again(step), wanted[step])
    assert not torch.equal(Batches(IMAGES, NUMBERS, 5, seed=1, augmentation=FLIP)(0), wanted[0])


def test_processes_share_an_epoch_without_overlap() -> None:
    parts = [Batches(IMAGES, NUMBERS, 5, seed=0, rank=rank, processes=3) for rank in range(3)]
    seen = [n for part in parts for step in range(part.steps_per_epoch) for n in numbers_of(part(step))]
    assert len(seen) == len(set(seen)) == 45


def test_an_array_that_must_not_change_is_copied() -> None:
    """As numpy.asarray(picture) is one: torch would share its memory, with a warning."""
    frozen = np.zeros((1, 4, 6, 3), np.float32)
    frozen.setflags(write=False)
    to_tensor(frozen).add_(1)
    assert not frozen.any()


def test_values_layout_and_flip() -> None:
    pixels = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (2, 3, 4, 6)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert tensor[1, 2, 3, 4].item() == pytest.approx(pixels[1, 3, 4, 2] / 127.5 - 1)
    assert to_tensor(np.array([[[[0, 255, 51]]]], np.uint8)).flatten().tolist() == pytest.approx([-1, 1, -0.6])
    many = np.repeat(pixels[:1], 200, axis=0)
    flipped = Batches(many, np.arange(200), 200, seed=0, augmentation=FLIP)(0)
    mirrored = (flipped == to_tensor(pixels[:1, :, ::-1].copy())).flatten(1).all(1)
    assert ((flipped == to_tensor(pixels[:1])).flatten(1).all(1) ^ mirrored).all()
    assert 60 < int(mirrored.sum()) < 140
    assert np.array_equal(many, np.repeat(pixels[:1], 200, axis=0))


def test_too_few_images() -> None:
    with pytest.raises(UserError, match=r"only 47 training images, fewer than a batch of 48"):
        Batches(IMAGES, NUMBERS, 48, seed=0)
    with pytest.raises(UserError, match="2 batches of 30"):
        Batches(IMAGES, NUMBERS, 30, seed=0, processes=2)


def test_the_order_is_the_same_for_any_number_of_processes() -> None:
    """Together, the processes of a step see what one process with all their images sees."""
    together = Batches(IMAGES, NUMBERS, 12, seed=3)
    parts = [Batches(IMAGES, NUMBERS, 4, seed=3, rank=rank, processes=3) for rank in range(3)]
    for step in range(7):
        assert sorted(np.concatenate([part.indices_of(step) for part in parts])) == together.indices_of(step).tolist()


def test_a_batch_may_span_blocks_of_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [Batches(IMAGES, NUMBERS, 5, seed=0).indices_of(step) for step in range(12)]
    for block in (1, 3, 7, 46):
        monkeypatch.setattr(batches, "BLOCK", block)
        assert all(np.array_equal(Batches(IMAGES, NUMBERS, 5, seed=0).indices_of(step), whole[step]) for step in range(12))


def test_a_set_that_is_kept_on_the_device_gives_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "RESIDENT_PART", 7 * 4 * 6 * 3)  # uploaded in several parts
    one, other = (Batches(IMAGES, NUMBERS, 5, seed=0, augmentation=FLIP) for _ in range(2))
    assert not other.keep_on(torch.device("cpu"))
    other._upload(torch.device("cpu"))
    assert all(torch.equal(one(step), other(step)) for step in range(20))


def packed(folder: Path, splits: list[str]) -> ImageSet:
    items = [Item(f"{n}", Pixels(np.full((8, 8, 3), n, np.uint8)), name) for n, name in enumerate(splits)]
    source = Source("made", lambda: items, len(items), "", "")
    return writer.pack(source, Preparation((8, 8)), folder, workers=1, progress=lambda *_: None)


def every(numbers: Indices) -> list[int]:
    return sorted(numbers[:].tolist())


def test_split_of_a_set_without_splits(tmp_path: Path) -> None:
    for count, share, expected in ((200, 0.05, (190, 10)), (10, 0.01, (9, 1)), (10, 0.0, (10, 0)), (1, 0.5, (1, 0))):
        training, held_out = split(packed(tmp_path / f"{count} {share}", [""] * count), share)
        assert (len(training), len(held_out)) == expected
        assert sorted([*every(training), *every(held_out)]) == list(range(count))
    images = ImageSet.open(tmp_path / "200 0.05")
    assert every(split(images, 0.05)[1]) == every(split(images, 0.05)[1]) != list(range(10))


def test_split_of_a_set_with_splits(tmp_path: Path) -> None:
    names = ["train"] * 30 + ["validation"] * 5 + ["test"] * 10 + ["unlabeled"] * 20
    images = packed(tmp_path / "a", names)
    training, held_out = split(images, 0.05)
    assert (every(training), every(held_out)) == (list(range(30)), list(range(30, 35)))
    training, held_out = split(images, 0.05, "unlabeled+train")
    assert every(training) == [*range(30), *range(45, 65)]
    assert every(held_out) == list(range(30, 35))
    training, held_out = split(images, 0.05, "train+validation")
    assert every(held_out) == list(range(35, 45))
    assert len(split(images, 0.0)[1]) == 0
    with pytest.raises(UserError, match="no split named unlabelled"):
        split(images, 0.05, "unlabelled")
    training, held_out = split(packed(tmp_path / "b", ["train"] * 30 + [""] * 10), 0.2)
    assert len(held_out) == 6
    assert sorted([*every(training), *every(held_out)]) == list(range(30))
