"""Every kind of source, written in its true published format and read back, pixel for pixel."""

from __future__ import annotations

import gzip
import io
import math
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet, prepare
from vaegan.data.sources import anchored, find_source, short_name

RANDOM = np.random.default_rng(0)


def pack(source: str, folder: Path, **options: Any) -> ImageSet:
    defaults: dict[str, Any] = {"workers": 1, "crop": "none", **options}
    return prepare(source, folder / "set", progress=lambda *_: None, **defaults)


def noise(count: int, *shape: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_tree(folder: Path, files: dict[str, NDArray[np.uint8]]) -> None:
    for name, pixels in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(pixels))


# Every byte of the binary sets is where their authors say it is, so the expected pixel is written out by hand.


@pytest.mark.parametrize("inside", ["", "stl10_binary"])
def test_stl10(inside: str, tmp_path: Path) -> None:
    """Planes of red, green, blue; within a plane column after column."""
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    images = {"train": noise(3, 96, 96, 3), "test": noise(2, 96, 96, 3), "unlabeled": noise(2, 96, 96, 3)}
    for split, pixels in images.items():
        content = bytearray()
        for image in pixels:
            for channel in range(3):
                for column in range(96):
                    content += image[:, column, channel].tobytes()
        (folder / f"{split}_X.bin").write_bytes(bytes(content))
    (folder / "train_y.bin").write_bytes(bytes([1, 10, 2]))
    (folder / "test_y.bin").write_bytes(bytes([3, 3]))
    names = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    (folder / "class_names.txt").write_text("\n".join(names) + "\n")
    (folder / "fold_indices.txt").write_text("0 1 2\n")
    packed = pack(f"stl10:{tmp_path}", tmp_path)
    assert np.array_equal(packed.images[:], np.concatenate(list(images.values())))
    assert packed.labels == ["airplane", "truck", "bird", "car", "car", "", ""]
    assert packed.splits == {"train": 3, "test": 2, "unlabeled": 2}
    assert packed.split("unlabeled").tolist() == [5, 6]
    assert packed.names[3:6] == ["test-000000", "test-000001", "unlabeled-000000"]


def test_cifar10(tmp_path: Path) -> None:
    """A label, then planes of red, green, blue, row after row."""
    images, labels = noise(12, 32, 32, 3), [3, 9, 0, 1, 2, 5, 7, 8, 6, 4, 1, 0]
    records = [bytes([label]) + b"".join(image[:, :, c].tobytes() for c in range(3)) for image, label in zip(images, labels, strict=True)]
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in range(5):
        (folder / f"data_batch_{number + 1}.bin").write_bytes(b"".join(records[2 * number : 2 * number + 2]))
    (folder / "test_batch.bin").write_bytes(b"".join(records[10:]))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    packed = pack(f"cifar10:{tmp_path}", tmp_path)
    assert np.array_equal(packed.images[:], images)
    assert packed.labels == [names[label] for label in labels]
    assert packed.splits == {"train": 10, "test": 2}
    assert packed.names[9:11] == ["train-00009", "test-00000"]


def test_cifar100(tmp_path: Path) -> None:
    """A coarse label, a fine one, then the planes."""
    images, fine = noise(5, 32, 32, 3), [99, 0, 42, 7, 7]
    records = [bytes([11, label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, fine, strict=True)]
    (tmp_path / "train.bin").write_bytes(b"".join(records[:3]))
    (tmp_path / "test.bin").write_bytes(b"".join(records[3:]))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"class{n}" for n in range(100)) + "\n")
    packed = pack(f"cifar100:{tmp_path}", tmp_path)
    assert np.array_equal(packed.images[:], images)
    assert packed.labels == [f"class{label}" for label in fine]
    assert packed.splits == {"train": 3, "test": 2}


LECUN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
DOTTED = ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte")
EMNIST = tuple(f"emnist-letters-{name}-ubyte" for name in ("train-images-idx3", "train-labels-idx1", "test-images-idx3"))


@pytest.mark.parametrize(("names", "compressed"), [(LECUN, True), (LECUN, False), (DOTTED, False), ((*EMNIST, ""), True)])
def test_mnist(names: tuple[str, ...], compressed: bool, tmp_path: Path) -> None:
    images = [noise(4, 28, 28), noise(3, 28, 28)]
    labels = [[5, 0, 4, 1], [7, 2, 1]]
    for name, kind, values in zip(names, (3, 1, 3, 1), (images[0], labels[0], images[1], labels[1]), strict=True):
        array = np.array(values, np.uint8)
        content = struct.pack(f">I{array.ndim}I", 0x0800 + kind, *array.shape) + array.tobytes()
        if name:
            (tmp_path / (name + ".gz" * compressed)).write_bytes(gzip.compress(content) if compressed else content)
    packed = pack(f"mnist:{tmp_path}", tmp_path, size=(28, 28))
    assert np.array_equal(packed.images[:][..., 0], np.concatenate(images))
    assert packed.labels == ["5", "0", "4", "1", *(["7", "2", "1"] if names[3] else [""] * 3)]
    assert packed.splits == {"train": 4, "test": 3}
    assert pack(f"mnist:{tmp_path}", tmp_path / "x").images.shape == (7, 32, 32, 1)  # what the networks can take


CELEBA_NAMES = [
    *[
        "5_o_Clock_Shadow",
        "Arched_Eyebrows",
        "Attractive",
        "Bags_Under_Eyes",
        "Bald",
        "Bangs",
        "Big_Lips",
        "Big_Nose",
        "Black_Hair",
        "Blond_Hair",
        "Blurry",
    ],
    *[
        "Brown_Hair",
        "Bushy_Eyebrows",
        "Chubby",
        "Double_Chin",
        "Eyeglasses",
        "Goatee",
        "Gray_Hair",
        "Heavy_Makeup",
        "High_Cheekbones",
        "Male",
    ],
    *[
        "Mouth_Slightly_Open",
        "Mustache",
        "Narrow_Eyes",
        "No_Beard",
        "Oval_Face",
        "Pale_Skin",
        "Pointy_Nose",
        "Receding_Hairline",
        "Rosy_Cheeks",
        "Sideburns",
    ],
    *[
        "Smiling",
        "Straight_Hair",
        "Wavy_Hair",
        "Wearing_Earrings",
        "Wearing_Hat",
        "Wearing_Lipstick",
        "Wearing_Necklace",
        "Wearing_Necktie",
        "Young",
    ],
]


def celeba(folder: Path, *, zipped: bool, official_folders: bool, size: tuple[int, int] = (178, 218)) -> NDArray[np.uint8]:
    """Six faces as CelebA publishes them; returns their 148x148 crops."""
    images, anno, evaluation = (folder / name if official_folders else folder for name in ("Img", "Anno", "Eval"))
    for place in (images, anno, evaluation):
        place.mkdir(parents=True, exist_ok=True)
    faces = noise(6, size[1], size[0], 3)
    files = {f"img_align_celeba/{n + 1:06d}.jpg": png(face) for n, face in enumerate(faces)}  # lossless, to compare pixels
    if zipped:
        with zipfile.ZipFile(images / "img_align_celeba.zip", "w") as archive:
            archive.writestr("img_align_celeba/", b"")
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        (images / "img_align_celeba").mkdir()
        for name, content in files.items():
            (images / name).write_bytes(content)
    rows = [f"{n + 1:06d}.jpg {' '.join(f'{1 if (n + a) % 3 == 0 else -1:2d}' for a in range(40))} " for n in range(6)]
    (anno / "list_attr_celeba.txt").write_text("6\n" + " ".join(CELEBA_NAMES) + " \n" + "\n".join(rows) + "\n")
    (evaluation / "list_eval_partition.txt").write_text("".join(f"{n + 1:06d}.jpg {code}\n" for n, code in enumerate([0, 0, 0, 1, 2, 2])))
    return faces[:, 40:188, 15:163]


@pytest.mark.parametrize(("zipped", "official_folders"), [(False, False), (True, True), (True, False)])
def test_celeba(zipped: bool, official_folders: bool, tmp_path: Path) -> None:
    crops = celeba(tmp_path / "celeba", zipped=zipped, official_folders=official_folders)
    packed = pack(f"celeba:{tmp_path / 'celeba'}", tmp_path, size=(148, 148), crop="celeba")
    assert np.array_equal(packed.images[:], crops)
    assert packed.attribute_names == tuple(CELEBA_NAMES)
    assert packed.attributes.shape == (6, 40)
    assert all(packed.attributes[n, a] == ((n + a) % 3 == 0) for n in range(6) for a in range(40))
    assert packed.splits == {"train": 3, "validation": 1, "test": 2}
    assert packed.split("test").tolist() == [4, 5]
    assert packed.names[0] == "000001.jpg"


def test_celeba_with_tables_as_they_are_passed_on(tmp_path: Path) -> None:
    celeba(tmp_path / "celeba", zipped=False, official_folders=False)
    for name in ("list_attr_celeba", "list_eval_partition"):
        (tmp_path / "celeba" / f"{name}.txt").unlink()
    packed = pack(f"celeba:{tmp_path / 'celeba'}", tmp_path, size=(16, 16))
    assert packed.manifest["notes"] == [
        "list_eval_partition.txt does not exist: no splits are known",
        "list_attr_celeba.txt does not exist: no attributes are known",
    ]
    (tmp_path / "celeba" / "list_attr_celeba.csv").write_text("image_id,Bald,Young\n000001.jpg,-1,1\n000002.jpg,1,-1\n")
    (tmp_path / "celeba" / "list_eval_partition.csv").write_text(
        "image_id,partition\n" + "".join(f"{n + 1:06d}.jpg,{n % 3}\n" for n in range(6))
    )
    packed = pack(f"celeba:{tmp_path / 'celeba'}", tmp_path / "x", size=(16, 16), crop=None)
    assert packed.preparation.crop == "celeba"  # which is usual for it
    assert packed.splits == {"train": 2, "validation": 2, "test": 2}
    assert packed.attributes[:2].tolist() == [[0, 1], [1, 0]]


def test_celeba_at_half_size_is_cropped_in_proportion(tmp_path: Path) -> None:
    """Columns 15:163 are 7.5:81.5 there."""
    packed = []
    for size in ((178, 218), (89, 109)):
        folder = tmp_path / str(size[0]) / "img_align_celeba"
        folder.mkdir(parents=True)
        coarse = Image.fromarray(np.random.default_rng(1).integers(0, 256, (14, 12, 3), dtype=np.uint8))
        smooth = coarse.resize((178, 218), Image.Resampling.BICUBIC)
        smooth.resize(size, Image.Resampling.BOX).save(folder / "000001.png")
        packed.append(pack(f"celeba:{folder.parent}", folder.parent, size=(64, 64), crop="celeba").images[0].astype(int))
    assert np.abs(packed[0] - packed[1]).mean() < 1
    assert np.abs(packed[0] - np.roll(packed[1], 1, axis=1)).mean() > 3


PEOPLE = {"Ann_Lee": 2, "Bo": 1, "Cy_Young": 2}


def lfw(folder: Path) -> list[NDArray[np.uint8]]:
    faces = list(noise(5, 250, 250, 3))
    files = [f"{person}/{person}_{number + 1:04d}.jpg" for person, count in PEOPLE.items() for number in range(count)]
    write_tree(folder / "lfw", dict(zip(files, faces, strict=True)))
    return faces


@pytest.mark.parametrize("lists", ["people", "pairs", "folds"])
def test_lfw(lists: str, tmp_path: Path) -> None:
    faces = lfw(tmp_path)
    if lists == "people":
        (tmp_path / "peopleDevTrain.txt").write_text("2\nAnn_Lee\t2\nBo\t1\n")
        (tmp_path / "peopleDevTest.txt").write_text("1\nCy_Young\t2\n")
    elif lists == "pairs":
        (tmp_path / "pairsDevTrain.txt").write_text("1\nAnn_Lee\t1\t2\nAnn_Lee\t1\tBo\t1\n")
        (tmp_path / "pairsDevTest.txt").write_text("1\nCy_Young\t1\t2\nCy_Young\t1\tDi\t1\n")
    else:
        (tmp_path / "people.txt").write_text("2\n2\nAnn_Lee\t2\nBo\t1\n1\nCy_Young\t2\n")
    (tmp_path / "lfw_attributes.txt").write_text(
        "#\tlfw_attributes.txt\n#\tperson\timagenum\tMale\tMouth Wide Open\n"
        "Ann Lee\t1\t-1.5\t0.25\nAnn Lee\t2\t-0.5\t-2\nCy Young\t2\t2.5\t0\n"
    )
    packed = pack(f"lfw:{tmp_path}", tmp_path, crop="box", box=(50, 50, 200, 200), size=(150, 150))
    assert np.array_equal(packed.images[:], np.stack(faces)[:, 50:200, 50:200])
    assert packed.labels == ["Ann Lee", "Ann Lee", "Bo", "Cy Young", "Cy Young"]
    assert packed.splits == ({"fold-01": 3, "fold-02": 2} if lists == "folds" else {"train": 3, "test": 2})
    assert packed.attribute_names == ("Male", "Mouth_Wide_Open")
    assert packed.attributes[[0, 1, 4]].tolist() == [[-1.5, 0.25], [-0.5, -2], [2.5, 0]]
    assert np.isnan(packed.attributes[[2, 3]]).all()
    assert packed.manifest["notes"] == ["2 image files have no row in lfw_attributes.txt, so the attributes are unknown"]


def test_classes(tmp_path: Path) -> None:
    images = noise(4, 16, 16, 3)
    write_tree(tmp_path / "a", {f"{name}/{n}.png": images[n] for n, name in enumerate(["cat", "cat", "dog", "eel"])})
    packed = pack(f"classes:{tmp_path / 'a'}", tmp_path)
    assert (packed.labels, packed.classes, packed.splits) == (["cat", "cat", "dog", "eel"], ["cat", "dog", "eel"], {})
    write_tree(tmp_path / "b", {f"{name}/{n}.png": images[n] for n, name in enumerate(["train/cat", "train/dog", "val/cat", "test/dog"])})
    packed = pack(f"classes:{tmp_path / 'b'}", tmp_path / "y")
    assert dict(zip(packed.names, packed.labels, strict=True))["val/cat/2.png"] == "cat"
    assert packed.splits == {"test": 1, "train": 2, "validation": 1}


def test_classes_under_one_root_and_beside_unlabelled_images(tmp_path: Path) -> None:
    images = noise(4, 16, 16, 3)
    names = ["pets/train/cat/0.png", "pets/train/dog/1.png", "pets/test/dog/2.png", "pets/unlabeled/3.png"]
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for name, pixels in zip(names, images, strict=True):
            archive.writestr(name, png(pixels))
    packed = pack(f"classes:{tmp_path / 'pets.zip'}", tmp_path)
    assert packed.splits == {"test": 1, "train": 2, "unlabeled": 1}
    assert dict(zip(packed.names, packed.labels, strict=True)) == dict(zip(names, ["cat", "dog", "dog", ""], strict=True))


def test_mnist_that_was_unpacked_beside_its_archives(tmp_path: Path) -> None:
    images = noise(4, 28, 28)
    content = struct.pack(">4I", 0x0803, *images.shape) + images.tobytes()
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    assert len(pack(f"mnist:{tmp_path}", tmp_path)) == 4
    (tmp_path / "emnist-letters-train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UserError, match="holds several sets: emnist-letters-train"):
        find_source(f"mnist:{tmp_path}")


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz", "tar.xz"])
def test_folders_and_archives_are_alike(kind: str, tmp_path: Path) -> None:
    images = noise(6, 16, 16, 3)
    files = {name: images[n] for n, name in enumerate(["a.png", "b/c.png", "b/d e.png", "b/ü.png", "z/a/b.png", "z.png"])}
    write_tree(tmp_path / "photos", files)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    (tmp_path / "photos" / ".hidden.png").touch()
    source = tmp_path / f"photos.{kind}" if kind != "folder" else tmp_path / "photos"
    if kind == "zip":
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((tmp_path / "photos").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "photos"))
    elif kind != "folder":
        mode: Any = f"w:{kind[4:]}"
        with tarfile.open(source, mode) as archive:
            for path in sorted((tmp_path / "photos").rglob("*")):
                if path.is_file():
                    archive.add(path, path.relative_to(tmp_path / "photos"))
    packed = pack(str(source), tmp_path, size=(16, 16))
    assert packed.names == list(files)
    assert np.array_equal(packed.images[:], images)
    assert packed.skipped == []


@pytest.mark.parametrize("streaming", [False, True])
def test_hugging_face(streaming: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    images = noise(5, 20, 20, 3)
    features = {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog"]), "Smiling": datasets.Value("bool")}
    features |= {"age": datasets.Value("float32"), "remark": datasets.Value("string")}
    rows = [
        {"picture": {"bytes": png(images[n]), "path": None}, "kind": n % 2, "Smiling": n == 1, "age": n / 2, "remark": "x"}
        for n in range(5)
    ]
    rows[4] |= {"Smiling": None}
    (tmp_path / "hub").mkdir()
    for split, part in (("train", rows[:3]), ("test", rows[3:])):
        datasets.Dataset.from_list(part, features=datasets.Features(features)).to_parquet(tmp_path / "hub" / f"{split}.parquet")
    packed = pack(f"{'hf-stream' if streaming else 'hf'}:{tmp_path / 'hub'}", tmp_path, size=(20, 20))
    assert np.array_equal(packed.images[:], images)
    assert packed.labels == ["cat", "dog", "cat", "dog", "cat"]
    assert packed.splits == {"train": 3, "test": 2}
    assert packed.attribute_names == ("Smiling",)
    assert packed.attributes[:4, 0].tolist() == [0, 1, 0, 0]
    assert math.isnan(packed.attributes[4, 0])
    text, many = packed.manifest["notes"]
    assert text == f'columns of hf:{tmp_path}/hub that hold text are not attributes: remark ("x" for train-0000000)'
    assert f"columns of hf:{tmp_path}/hub with more than two values are not attributes: age (0 to 2); to use one, add --threshold" in many


def test_attributes_from_a_table(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(
        "file_name,Round,Age,Town,class,split\n"
        'photo 00.png,1,31.5,"Bath, UK",a,train\nphoto 01.png,-1,,York,b,val\nphoto 02.png,true,7,Ely,a,train\ngone.png,-1,1,x,a,train\n'
    )
    packed = pack(str(photos), tmp_path, size=(16, 16), attributes=tmp_path / "table.csv", thresholds={"Age": 18}, count=4)
    assert packed.attribute_names == ("Round", "Age")
    assert packed.attributes[:3, 0].tolist() == [1, 0, 1]
    assert packed.attributes[[0, 2], 1].tolist() == [1, 0]
    assert np.isnan(packed.attributes[[1, 3], 1]).all()
    assert (packed.labels, packed.splits) == (["a", "b", "a", ""], {"train": 2, "validation": 1})
    assert packed.manifest["notes"] == [
        'columns of table.csv that hold text are not attributes: Town ("Bath, UK" for photo 00.png)',
        "1 rows of table.csv have no image: gone.png",
        "1 image file has no row in table.csv, so the attributes are unknown",
    ]
    with pytest.raises(UserError, match=r"with other settings \(attributes, content: "):  # the table changed
        pack(str(photos), tmp_path, size=(16, 16), count=4)


def test_a_set_is_recognised_and_named(tmp_path: Path, photos: Path) -> None:
    celeba(tmp_path / "faces", zipped=False, official_folders=False)
    assert find_source(str(tmp_path / "faces")).notes == [
        "only its image files are used; it looks like celeba: to use all of it, give it as celeba:PATH"
    ]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "train_X.bin").touch()
    with pytest.raises(UserError, match=r"there are no images in .* give it as stl10:"):
        find_source(str(tmp_path / "bin"))
    with pytest.raises(UserError, match=r"Did you mean celeba\?"):
        find_source("celebaa:x")
    assert find_source(str(photos)).notes == []


def test_rows_of_a_table_are_for_named_images_alone(photos: Path, tmp_path: Path) -> None:
    (photos / "sub").mkdir()
    (photos / "photo 01.png").rename(photos / "sub" / "photo 00.png")
    (tmp_path / "table.csv").write_text("file,class\nphoto 00.png,cat\n,\n")
    packed = pack(str(photos), tmp_path, size=(16, 16), attributes=tmp_path / "table.csv")
    assert (packed.labels.count("cat"), packed.labels.count("")) == (2, 38)
    assert "images with the same file name as another image, which use the same row of table.csv: 1" in packed.manifest["notes"]
    (tmp_path / "table.csv").write_text("file,class\nphoto 00.png,cat\n,dog\n")
    with pytest.raises(UserError, match=r"row 3 of .* has no file name"):
        pack(str(photos), tmp_path / "x", attributes=tmp_path / "table.csv")


def test_names_of_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert anchored("photos") == str(tmp_path / "photos")
    assert anchored("celeba:faces") == f"celeba:{tmp_path / 'faces'}"
    assert anchored("hf:a/b") == "hf:a/b"
    (tmp_path / "a").mkdir()
    assert anchored("hf:a") == f"hf:{tmp_path / 'a'}"
    assert [short_name(text) for text in ("photos", "celeba:a/faces", "hf:a/b", "x/photos.tar.gz")] == ["photos", "faces", "b", "photos"]
    assert short_name("cache/celeba-ee2cafc650db831b") == "celeba"
