"""Published sets that are damaged."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from vaegan.data import ImageSet

from ...command import fails, works
from .place import NO_IMAGES, NO_ZIP, SIDE, Place, damaged, gz, half, picture, surroundings, write


def idx(kind: int, shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">I{len(shape)}I", kind, *shape) + content


GREY = np.random.default_rng(3).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8).tobytes()
IMAGES, LABELS = idx(0x803, (3, SIDE, SIDE), GREY), idx(0x801, (3,), b"\x01\x02\x03")
STL = bytes(3 * 96 * 96)
OF_STL = "is damaged: it must have one number from 1 to {} for each image, {} in all"
CIFAR = bytes(3 * 32 * 32)
LATIN = "José".encode("latin-1")

SETS: dict[str, dict[str, bytes | str | None]] = {
    "celeba": {
        "img_align_celeba/000001.jpg": picture(1),
        "img_align_celeba/000002.jpg": picture(2),
        "list_attr_celeba.txt": "2\nMale Young \n000001.jpg  1 -1 \n000002.jpg -1 -1 \n",
        "list_eval_partition.txt": "000001.jpg 0\n000002.jpg 2\n",
    },
    "lfw": {
        "lfw/Ann_Lee/Ann_Lee_0001.jpg": picture(1),
        "lfw/Bo/Bo_0001.jpg": picture(2),
        "people.txt": "2\n1\nAnn_Lee\t1\n1\nBo\t1\n",
        "lfw_attributes.txt": "#\tlfw_attributes.txt\n#\tperson\timagenum\tMale\tYoung\nAnn Lee\t1\t-1.5\t0.25\nBo\t1\t2.5\t3\n",
    },
    "stl10": {"train_X.bin": STL * 2, "train_y.bin": b"\x01\x0a", "test_X.bin": STL, "test_y.bin": b"\x02", "unlabeled_X.bin": STL},
    "cifar10": {
        **{f"data_batch_{number}.bin": bytes([number]) + CIFAR for number in range(1, 6)},
        "test_batch.bin": b"\x09" + CIFAR,
        "batches.meta.txt": "\n".join("abcdefghij"),
    },
    "cifar100": {
        "train.bin": (b"\x00\x63" + CIFAR) * 2,
        "test.bin": b"\x00\x00" + CIFAR,
        "fine_label_names.txt": "".join(f"class{number}\n" for number in range(100)),
    },
    "mnist": {"train-images-idx3-ubyte": IMAGES, "train-labels-idx1-ubyte": LABELS},
    "classes": {"train/cat/a.png": picture(1), "test/dog/z.png": picture(2)},
}
COUNTS = {"celeba": 2, "lfw": 2, "stl10": 4, "cifar10": 6, "cifar100": 3, "mnist": 3, "classes": 2}


@pytest.mark.parametrize("kind", SETS)
def test_these_sets_are_good_before_they_are_damaged(kind: str, place: Place) -> None:
    write(place.root / "set", SETS[kind])
    around = surroundings(place.root, place.out)
    images = place.prepare(f"{kind}:{place.root / 'set'}")
    assert len(images) == COUNTS[kind]
    assert images.skipped == images.manifest["notes"] == []
    assert images.splits
    assert surroundings(place.root, place.out) == around


LIST, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
NO_LIST = f"{LIST} is not a list of attributes like CelebA's"
NO_PARTITION = f"{PARTITION} is not CelebA's list of partitions: each row must be a file name and 0, 1 or 2"
PEOPLE, FACES = "people.txt", "lfw_attributes.txt"
NO_PEOPLE = "people.txt is damaged, or is not LFW's list of people"
NO_FACES = "lfw_attributes.txt is damaged, or is not LFW's table of attributes"
DEVELOPMENT: dict[str, bytes | str | None] = {"people.txt": None, "peopleDevTest.txt": "1\nBo\t1\n"}
MNIST, MNIST_LABELS, LABELS_GZ = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"
ZIPPED: dict[str, bytes | str | None] = {MNIST: None, MNIST_LABELS: None}

BAD_SETS: dict[str, tuple[dict[str, bytes | str | None], str]] = {
    "celeba, a count too high": ({LIST: "3\nMale\n000001.jpg 1\n000002.jpg 1\n"}, f"{LIST} is damaged: it should have 3 rows, and has 2"),
    "celeba, a count too low": ({LIST: "1\nMale\n000001.jpg 1\n000002.jpg 1\n"}, f"{LIST} is damaged: it should have 1 rows, and has 2"),
    "celeba, no count": ({LIST: "Male\n000001.jpg 1\n"}, NO_LIST),
    "celeba, an empty list": ({LIST: ""}, NO_LIST),
    "celeba, a count alone": ({LIST: "2\n"}, NO_LIST),
    "celeba, a value of 0": ({LIST: "2\nMale\n000001.jpg 1\n000002.jpg 0\n"}, NO_LIST),
    "celeba, a value that is none": ({LIST: "2\nMale\n000001.jpg 1\n000002.jpg x\n"}, NO_LIST),
    "celeba, a value too few": ({LIST: "2\nMale Young\n000001.jpg 1 1\n000002.jpg 1\n"}, NO_LIST),
    "celeba, a value too many": ({LIST: "2\nMale\n000001.jpg 1 1\n000002.jpg 1\n"}, NO_LIST),
    "celeba, two rows for an image": ({LIST: "2\nMale\n000001.jpg 1\n000001.jpg -1\n"}, LIST),
    "celeba, a list that is no text": ({LIST: picture(1)}, f"{LIST} is not text in UTF-8"),
    "celeba, a list of other images": ({LIST: "1\nMale\n999.jpg 1\n"}, "such as 999.jpg, but the images have names such as 000001.jpg"),
    "celeba, an unknown partition": ({PARTITION: "000001.jpg 0\n000002.jpg 3\n"}, NO_PARTITION),
    "celeba, partitions cut in a row": ({PARTITION: "000001.jpg 0\n000002.jpg"}, NO_PARTITION),
    "celeba, partitions with more columns": ({PARTITION: "000001.jpg 0 1\n"}, NO_PARTITION),
    "celeba, partitions that are no text": ({PARTITION: LATIN + b" 0\n"}, "list_eval_partition.txt is not text in UTF-8"),
    "celeba, no images": ({"img_align_celeba/000001.jpg": None, "img_align_celeba/000002.jpg": None}, NO_IMAGES),
    "celeba, no folder of images": ({"img_align_celeba": None}, "it has no img_align_celeba, neither as a folder nor as a zip"),
    "celeba, a damaged zip": ({"img_align_celeba": None, "img_align_celeba.zip": b"PK"}, f"img_align_celeba.zip {NO_ZIP}"),
    "lfw, people cut short": ({PEOPLE: "2\n1\nAnn_Lee\t1\n1\n"}, NO_PEOPLE),
    "lfw, a fold too few": ({PEOPLE: "2\n1\nAnn_Lee\t1\n"}, NO_PEOPLE),
    "lfw, people too many": ({PEOPLE: "2\n1\nAnn_Lee\t1\n1\nBo\t1\nCy\t1\n"}, NO_PEOPLE),
    "lfw, an empty list": ({PEOPLE: ""}, NO_PEOPLE),
    "lfw, people in another encoding": ({PEOPLE: b"1\n1\n" + LATIN + b"\t1\n"}, "/people.txt"),
    "lfw, people to train on cut short": (DEVELOPMENT | {"peopleDevTrain.txt": "9\nAnn_Lee\t1\n"}, "/peopleDevTrain.txt"),
    "lfw, people to train on in another encoding": (DEVELOPMENT | {"peopleDevTrain.txt": b"1\n" + LATIN + b"\t1\n"}, "/peopleDevTrain.txt"),
    "lfw, attributes cut short": ({FACES: "#\n#\tperson\timagenum\tMale\tYoung\nAnn Lee\t1\t-1.5\t0.25\nBo\t1\t2.5"}, NO_FACES),
    "lfw, attributes cut in a name": ({FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\t-1.5\nB"}, NO_FACES),
    "lfw, attributes that are no numbers": ({FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\tlots\n"}, NO_FACES),
    "lfw, no attributes": ({FACES: ""}, NO_FACES),
    "lfw, attributes in another encoding": ({FACES: b"#\n#\tperson\timagenum\t" + LATIN}, "/lfw_attributes.txt"),
    "stl10, images cut short": ({"train_X.bin": STL + STL[:-1]}, "/train_X.bin is damaged: its length must be a multiple of 27,648"),
    "stl10, images too long": ({"unlabeled_X.bin": STL + b"x"}, "/unlabeled_X.bin is damaged: its length must be a multiple of 27,648"),
    "stl10, no images": ({"test_X.bin": b""}, "/test_X.bin is damaged: its length must be a multiple of 27,648 bytes, not 0"),
    "stl10, an image too few": ({"train_X.bin": STL}, f"/train_y.bin {OF_STL.format(10, 1)}"),
    "stl10, a label of 0": ({"train_y.bin": b"\x00\x01"}, f"/train_y.bin {OF_STL.format(10, 2)}"),
    "stl10, a label of 11": ({"train_y.bin": b"\x01\x0b"}, f"/train_y.bin {OF_STL.format(10, 2)}"),
    "stl10, a label too few": ({"train_y.bin": b"\x01"}, f"/train_y.bin {OF_STL.format(10, 2)}"),
    "stl10, a label too many": ({"test_y.bin": b"\x01\x02"}, f"/test_y.bin {OF_STL.format(10, 1)}"),
    "stl10, no labels": ({"train_y.bin": b""}, f"/train_y.bin {OF_STL.format(10, 2)}"),
    "stl10, too few classes": ({"class_names.txt": "bird\ncar\n"}, f"/train_y.bin {OF_STL.format(2, 2)}"),
    "stl10, classes in another encoding": ({"class_names.txt": LATIN}, "/class_names.txt"),
    "cifar10, cut short": ({"data_batch_3.bin": CIFAR}, "/data_batch_3.bin is damaged: its length must be a multiple of"),
    "cifar10, too long": ({"data_batch_3.bin": b"\x01" + CIFAR + b"x"}, "/data_batch_3.bin is damaged: its length must be a multiple of"),
    "cifar10, an empty file": ({"test_batch.bin": b""}, "/test_batch.bin is damaged: its length must be a multiple of 3,073 bytes, not 0"),
    "cifar10, a file too few": ({"data_batch_3.bin": None}, "it has no data_batch_3.bin"),
    "cifar10, a label of 10": ({"data_batch_2.bin": b"\x0a" + CIFAR}, "is damaged: it has the label 10, and labels go from 0 to 9"),
    "cifar10, too few classes": ({"batches.meta.txt": "cat\ndog\n"}, "is damaged: it has the label 2, and labels go from 0 to 1"),
    "cifar10, classes in another encoding": ({"batches.meta.txt": LATIN}, "/batches.meta.txt"),
    "cifar100, cut short": ({"train.bin": CIFAR}, "/train.bin is damaged: its length must be a multiple of 3,074 bytes, not 3,072"),
    "cifar100, a label of 100": ({"test.bin": b"\x00\x64" + CIFAR}, "is damaged: it has the label 100, and labels go from 0 to 99"),
    "mnist, images that are none": ({MNIST: b"hello" * 99}, f"/{MNIST} is not an IDX file"),
    "mnist, labels for images": ({MNIST: idx(0x801, (3,), bytes(99))}, f"/{MNIST} is not an IDX file"),
    "mnist, numbers for images": ({MNIST: idx(0xD03, (3, SIDE, SIDE), bytes(4 * 3 * SIDE * SIDE))}, f"/{MNIST} is not an IDX file"),
    "mnist, images for labels": ({MNIST_LABELS: idx(0x803, (3, 1, 1), bytes(3))}, f"/{MNIST_LABELS} is not an IDX file of labels"),
    "mnist, an empty file": ({MNIST: b""}, f"/{MNIST} is not an IDX file"),
    "mnist, half a head": ({MNIST: IMAGES[:10]}, f"/{MNIST} is not an IDX file"),
    "mnist, too few labels": ({MNIST_LABELS: idx(0x801, (2,), b"\1\2")}, "it has 2 labels for 3 images"),
    "mnist, labels cut short": ({MNIST_LABELS: LABELS[:-1]}, f"/{MNIST_LABELS} does not fit {MNIST}"),
    "mnist, labels too long": ({MNIST_LABELS: LABELS + b"\4"}, f"/{MNIST_LABELS} does not fit {MNIST}: it has 4 labels"),
    "mnist, two sizes": ({"t10k-images-idx3-ubyte": idx(0x803, (1, 8, 8), bytes(64))}, "have images of different sizes: "),
    "mnist, no image": ({MNIST: idx(0x803, (0, SIDE, SIDE), b""), MNIST_LABELS: None}, "set"),
    "mnist, images without pixels": ({MNIST: idx(0x803, (3, 0, 0), b"")}, f"/{MNIST}"),
    "mnist, images of a huge size": ({MNIST: idx(0x803, (3, 2**32 - 1, 2**32 - 1), GREY)}, f"/{MNIST}"),
    "mnist, text called gz": ({**ZIPPED, f"{MNIST}.gz": "text"}, f"/{MNIST}.gz is damaged"),
    "mnist, half a gz": ({**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:20]}, f"/{MNIST}.gz is damaged"),
    "mnist, labels in half a gz": ({**ZIPPED, f"{MNIST}.gz": gz(IMAGES), LABELS_GZ: gz(LABELS)[:-5]}, f"/{LABELS_GZ} is damaged"),
    "classes, no folder a class": ({"train": None, "test": None, "a.png": picture(1)}, "not in folders of classes: make a folder for each"),
}  # fmt: skip


@pytest.mark.parametrize(("case", "changes", "words"), [(case, *rest) for case, rest in BAD_SETS.items()], ids=BAD_SETS.keys())
def test_a_damaged_set_is_refused(case: str, changes: dict[str, bytes | str | None], words: str, place: Place) -> None:
    kind = case.partition(",")[0]
    folder = write(place.root / "set", SETS[kind])
    for name in [name for name in changes if (folder / name).is_dir()]:
        shutil.rmtree(folder / name)
    write(folder, {name: content for name, content in changes.items() if content is not None or (folder / name).exists()})
    place.refuses(f"{kind}:{folder}", place.out, "--workers", 1, words=words)


@pytest.mark.parametrize("options", [("--size", 16), ("--attributes", "t.csv")], ids=["a size", "a table"])
@pytest.mark.parametrize("shape", [(0, 16, 16), (3, 2**32 - 1, 2**32 - 1)], ids=["no image", "huge images"])
def test_mnist_that_announces_what_cannot_be(shape: tuple[int, ...], options: tuple[object, ...], place: Place) -> None:
    write(place.root / "set", {MNIST: idx(0x803, shape, GREY)})
    Path("t.csv").write_text("name,Round\ntrain-000000,1\n")
    place.refuses(f"mnist:{place.root / 'set'}", place.out, "--workers", 1, *options, words="set")


CUT_SETS: dict[str, dict[str, bytes | str | None]] = {
    "cut short": {MNIST: IMAGES[:-100]},
    "cut between images": {MNIST: IMAGES[: -SIDE * SIDE]},
    "of far too many images": {MNIST: idx(0x803, (2**32 - 1, SIDE, SIDE), GREY), MNIST_LABELS: None},
    "longer than announced": {MNIST: IMAGES + bytes(SIDE * SIDE)},
    "gzipped and cut short": {**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:-100]},
    "gzipped, with a changed pixel": {**ZIPPED, f"{MNIST}.gz": damaged(gz(IMAGES), 300)},
    "gzipped without its end": {**ZIPPED, f"{MNIST}.gz": gz(IMAGES)[:-6]},
}


@pytest.mark.parametrize("changes", CUT_SETS.values(), ids=CUT_SETS.keys())
def test_mnist_that_is_found_damaged_on_the_way(changes: dict[str, bytes | str | None], place: Place) -> None:
    """Nothing is taken for a set; and put right, it is packed into the same OUT."""
    folder = write(write(place.root / "set", SETS["mnist"]), changes)
    around = surroundings(place.root, place.out)
    arguments = ("prepare", f"mnist:{folder}", place.out, "--workers", 1)
    fails(place.capsys, *arguments, words=f"/{next(name for name in changes if changes[name])} ")
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)
    shutil.rmtree(folder)
    write(folder, SETS["mnist"])
    images = place.prepare(f"mnist:{folder}", channels=1)
    assert images.images[:].tobytes() == GREY
    assert images.labels == ["1", "2", "3"]


NOTED: dict[str, tuple[str, Mapping[str, bytes | str | None], str]] = {
    "celeba, rows of missing images": ("celeba", {"img_align_celeba/000002.jpg": None}, rf"^1 rows? of {LIST} ha(s|ve) no image: 000002"),
    "celeba, attributes cut between rows": (
        *("celeba", {LIST: "1\nMale\n000001.jpg 1\n"}),
        rf"^1 image file has no row in {LIST}, so the attributes are unknown$",
    ),
    "celeba, partitions cut between rows": (
        *("celeba", {PARTITION: "000001.jpg 0\n"}),
        rf"^1 image has no row in {PARTITION}, and so no split$",
    ),
    "lfw, attributes cut between rows": (
        *("lfw", {FACES: "#\n#\tperson\timagenum\tMale\nAnn Lee\t1\t-1.5\n"}),
        rf"^1 image file has no row in {FACES}, so the attributes are unknown$",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "note"), NOTED.values(), ids=NOTED.keys())
def test_what_is_missing_is_noted(kind: str, changes: Mapping[str, bytes | str | None], note: str, place: Place) -> None:
    """In the set, and where it is packed."""
    folder = write(write(place.root / "set", SETS[kind]), changes)
    images = place.prepare(f"{kind}:{folder}", crop="none")
    assert [line for line in images.manifest["notes"] if re.search(note, line)], images.manifest["notes"]
    place.capsys.readouterr()
    works("prepare", f"{kind}:{folder}", place.root / "again", "--workers", 1)
    assert any(re.search(note, line) for line in place.capsys.readouterr().err.splitlines())


@pytest.mark.parametrize("kind", ["celeba", "lfw", "classes"])
def test_bad_images_in_a_set(kind: str, place: Place) -> None:
    """What is known of an image stays with it: with one that is bad before it, nothing else changes."""

    def known(images: ImageSet) -> list[tuple[object, ...]]:
        splits = {number: name for name in images.splits for number in images.split(name).tolist()}
        attributes = images.attributes.tolist()
        return [(name, images.labels[n], attributes[n], splits[n], images.images[n].tolist()) for n, name in enumerate(images.names)]

    folder = write(place.root / "set", SETS[kind])
    whole = known(place.prepare(f"{kind}:{folder}"))
    assert len(whole) == 2
    shutil.rmtree(place.out)
    first = min(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))
    first.write_bytes(half(first.read_bytes()))
    images = place.prepare(f"{kind}:{folder}")
    assert known(images) == whole[1:]
    assert len(images.skipped) == 1
    assert re.match(f"{re.escape(str(whole[0][0]))}: damaged: ", images.skipped[0])
