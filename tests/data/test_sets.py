"""Sources become packed sets, once, and sets become batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, avatars, cache_folder, open_images, split
from vaegan.data.batches import Batches, to_tensor
from vaegan.data.packed import write
from vaegan.model import Preparation

SMALL = Preparation((16, 16), 3, "centre")


def quiet(_what: str, _done: int, _total: int) -> None:
    pass


def open_folder(folder: Path, preparation: Preparation = SMALL) -> ImageSet:
    return open_images(str(folder), preparation, count=0, progress=quiet)


def test_a_folder_is_packed_in_the_order_of_its_names(photos: Path) -> None:
    (photos / "sub" / "deeper").mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(photos / "sub" / "deeper" / "A.JPG")
    (photos / "notes.txt").write_text("no image")
    (photos / ".hidden.png").write_bytes(b"")
    images = open_folder(photos)
    assert images.images.shape == (41, 16, 16, 3)
    assert images.names == [*(f"photo {n:02d}.png" for n in range(40)), "sub/deeper/A.JPG"]
    assert images.images[40, 8, 8].tolist() == pytest.approx([254, 0, 0], abs=3)
    with Image.open(photos / "photo 07.png") as image:
        wanted = image.resize((16, 16), Image.Resampling.BICUBIC, box=(0, 4, 32, 36), reducing_gap=3.0)
    assert np.array_equal(images.images[7], np.asarray(wanted))


def test_a_packed_set_can_be_read_with_numpy_alone(photos: Path) -> None:
    images = open_folder(photos)
    assert np.array_equal(np.load(images.folder / "images.npy"), images.images)


def test_a_folder_is_packed_once_and_again_when_it_changes(photos: Path) -> None:
    first = open_folder(photos)
    assert open_folder(photos).folder == first.folder
    (photos / "photo 00.png").unlink()
    second = open_folder(photos)
    assert second.folder != first.folder
    assert len(second) == 39
    assert open_folder(photos, Preparation((16, 16), 1, "centre")).images.shape == (39, 16, 16, 1)


def test_bad_files_are_skipped_counted_and_named(photos: Path) -> None:
    (photos / "empty.jpg").touch()
    (photos / "corrupt.png").write_bytes(b"\x89PNG and then nothing")
    (photos / "truncated.png").write_bytes((photos / "photo 00.png").read_bytes()[:300])
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    images = open_folder(photos)
    assert len(images) == 40
    assert [line.split(":")[0] for line in images.skipped] == ["corrupt.png", "dot.png", "empty.jpg", "truncated.png"]
    assert open_folder(photos).skipped == images.skipped  # also from the cache


@pytest.mark.skipif(os.name == "nt", reason="names of bytes")
def test_names_of_any_bytes(photos: Path) -> None:
    for character in ("\n", "\r", "\x0c", "\x85", "\u2028", "\x1c"):
        (photos / f"line{character}break.png").write_bytes((photos / "photo 00.png").read_bytes())
    Path(os.fsdecode(os.fsencode(photos) + b"/bad\xff.png")).write_bytes((photos / "photo 00.png").read_bytes())
    images = open_folder(photos)
    assert len(images) == len(images.names) == 47
    assert len(open_folder(photos)) == 47


def test_a_link_that_loops_is_not_followed(photos: Path) -> None:
    (photos / "loop").symlink_to(photos, target_is_directory=True)
    (photos / "dangling.png").symlink_to(photos / "gone.png")
    images = open_folder(photos)
    assert len(images) == 40
    assert [line.split(":")[0] for line in images.skipped] == ["dangling.png"]


def test_the_pictures_of_a_run_are_no_data(photos: Path) -> None:
    (photos / "runs" / "mine" / "samples").mkdir(parents=True)
    for name in ("recipe.yaml", "stats.jsonl"):
        (photos / "runs" / "mine" / name).touch()
    Image.new("RGB", (20, 20)).save(photos / "runs" / "mine" / "samples" / "step-000001.png")
    assert len(open_folder(photos)) == 40


def test_two_runs_may_pack_the_same_set_at_once(tmp_path: Path) -> None:
    def chunks():  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield np.zeros((2, 16, 16, 3), np.uint8), ["a", "b"], None
        write(tmp_path / "set", (16, 16, 3), [(np.ones((3, 16, 16, 3), np.uint8), ["x", "y", "z"], None)], made_from={})

    assert len(write(tmp_path / "set", (16, 16, 3), chunks(), made_from={})) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_no_images(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="a file, not a folder"):
        open_folder(photos / "photo 00.png")
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match="there are no images in"):
        open_folder(tmp_path / "bare")
    (tmp_path / "bare" / "a.png").touch()
    with pytest.raises(UserError, match=r"none of the 1 image files .* a\.png: empty file"):
        open_folder(tmp_path / "bare")
    assert not list(cache_folder().glob("bare*"))


def test_an_interrupted_packing_leaves_nothing(tmp_path: Path) -> None:
    def chunks():  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield np.zeros((2, 16, 16, 3), np.uint8), ["a", "b"], None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "set", (16, 16, 3), chunks(), made_from={})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_set_is_named_and_one_of_the_cache_made_anew(photos: Path) -> None:
    folder = open_folder(photos).folder
    content = (folder / "images.npy").read_bytes()
    for name, damage in (("images.npy", content[:50]), ("images.npy", content[:-5]), ("names.txt", b"one\n"), ("manifest.json", b"{")):
        (folder / name).write_bytes(damage)
        with pytest.raises(UserError, match="is damaged"):
            ImageSet.open(folder)
        assert len(open_folder(photos)) == 40
        assert (folder / "images.npy").read_bytes() == content


def test_a_packed_set_as_source(photos: Path) -> None:
    folder = open_folder(photos).folder
    assert len(open_images(str(folder), SMALL, count=0, progress=quiet)) == 40
    with pytest.raises(UserError, match=r"networks\.size"):
        open_images(str(folder), Preparation((32, 32), 3, "centre"), count=0, progress=quiet)


def test_avatars_are_the_same_anywhere_and_a_larger_set_begins_with_the_smaller() -> None:
    in_parallel = np.concatenate([images for images, _ in avatars.draw(70, (32, 32), seed=0, workers=2)])
    in_turn = np.concatenate([images for images, _ in avatars.draw(66, (32, 32), seed=0, workers=1)])
    assert in_parallel.shape == (70, 32, 32, 3)
    assert np.array_equal(in_parallel[:66], in_turn)
    other = np.concatenate([images for images, _ in avatars.draw(66, (32, 32), seed=1, workers=1)])
    assert not np.array_equal(other, in_turn)


def test_avatars_in_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from vaegan.data import avatars\nprint(sum(len(images) for images, _ in avatars.draw(65, (16, 16), seed=0, workers=2)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("65\n", "")


def test_avatars_have_known_attributes() -> None:
    images = open_images("avatars", SMALL, count=300, progress=quiet)
    assert images.attributes is not None
    assert images.attributes.shape == (300, len(images.attribute_names))
    share = dict(zip(images.attribute_names, images.attributes.mean(0), strict=True))
    assert set(share) >= {"Eyeglasses", "Sunglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin", "Black_Hair", "Smiling", "Bald"}
    assert all(0.01 < value < 0.7 for value in share.values())
    again = open_images("avatars", SMALL, count=300, progress=quiet).attributes
    assert again is not None
    assert np.array_equal(again, images.attributes)


def test_attributes_are_what_the_picture_shows() -> None:
    """Changing just one factor changes its attribute and its part of the picture."""
    plain = {**avatars.draw_factors(0, 0), "top": "shortFlat", "accessories": "", "facialHair": "", "skin": "#edb98a", "hair": "#d6b370"}
    base = avatars.render(plain, (64, 64)).astype(int)
    eyes, chin, crown = slice(20, 36), slice(38, 54), slice(0, 16)
    for name, factor, value, rows in [
        ("Sunglasses", "accessories", "wayfarers", eyes),
        ("Eyeglasses", "accessories", "prescription02", eyes),
        ("Beard", "facialHair", "beardMajestic", chin),
        ("Wearing_Hat", "top", "winterHat1", crown),
        ("Black_Hair", "hair", "#2c1b18", crown),
    ]:
        changed = {**plain, factor: value}
        assert avatars.attributes(changed)[name]
        assert not avatars.attributes(plain)[name]
        difference = np.abs(avatars.render(changed, (64, 64)) - base).sum((1, 2))
        assert difference[rows].sum() > 1000
    assert not avatars.attributes({**plain, "top": "hat", "hair": "#2c1b18"})["Black_Hair"]  # hidden


def test_avatars_come_in_colour_and_other_shapes() -> None:
    assert open_images("avatars", Preparation((16, 32), 3, "centre"), count=3, progress=quiet).images.shape == (3, 16, 32, 3)
    with pytest.raises(UserError, match="3 channels"):
        open_images("avatars", Preparation((16, 16), 1, "centre"), count=3, progress=quiet)


def test_split() -> None:
    training, held_out = split(1000, 0.05)
    assert len(held_out) == 50
    assert sorted([*training, *held_out]) == list(range(1000))
    assert [len(part) for part in split(10, 0.01)] == [9, 1]
    assert [len(part) for part in split(10, 0.0)] == [10, 0]
    assert [len(part) for part in split(1, 0.5)] == [1, 0]


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
    wanted = [Batches(IMAGES, NUMBERS, 5, seed=0, flip=True)(step) for step in range(20)]
    again = Batches(IMAGES, NUMBERS, 5, seed=0, flip=True)
    for step in (17, 3, 0, 19, 8):
        assert torch.equal(again(step), wanted[step])
    assert not torch.equal(Batches(IMAGES, NUMBERS, 5, seed=1, flip=True)(0), wanted[0])


def test_processes_share_an_epoch_without_overlap() -> None:
    parts = [Batches(IMAGES, NUMBERS, 5, seed=0, rank=rank, processes=3) for rank in range(3)]
    seen = [n for part in parts for step in range(part.steps_per_epoch) for n in numbers_of(part(step))]
    assert len(seen) == len(set(seen)) == 45


def test_values_layout_and_flip() -> None:
    pixels = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (2, 3, 4, 6)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert tensor[1, 2, 3, 4].item() == pytest.approx(pixels[1, 3, 4, 2] / 127.5 - 1)
    assert to_tensor(np.array([[[[0, 255, 51]]]], np.uint8)).flatten().tolist() == pytest.approx([-1, 1, -0.6])
    many = np.repeat(pixels[:1], 200, axis=0)
    flipped = Batches(many, np.arange(200), 200, seed=0, flip=True)(0)
    mirrored = (flipped == to_tensor(pixels[:1, :, ::-1].copy())).flatten(1).all(1)
    assert ((flipped == to_tensor(pixels[:1])).flatten(1).all(1) ^ mirrored).all()
    assert 60 < int(mirrored.sum()) < 140
    assert np.array_equal(many, np.repeat(pixels[:1], 200, axis=0))


def test_too_few_images() -> None:
    with pytest.raises(UserError, match=r"only 47 images .* a batch of 48"):
        Batches(IMAGES, NUMBERS, 48, seed=0)
    with pytest.raises(UserError, match="2 batches of 30"):
        Batches(IMAGES, NUMBERS, 30, seed=0, processes=2)
