"""Sets from Hugging Face that are none, or are damaged."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaegan import UserError
from vaegan.data import ImageSet

from ...processes import run
from .place import Place, half, picture, surroundings, write


@pytest.fixture
def datasets(place: Place, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    library = pytest.importorskip("datasets")
    cache = Path(tempfile.mkdtemp(prefix="hf-", dir=place.root.parent))
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", cache)
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def hub(datasets: Any, folder: Path, rows: list[Any], **columns: Any) -> Path:
    folder.mkdir()
    datasets.Dataset.from_list(rows, features=datasets.Features(columns)).to_parquet(folder / "train.parquet")
    return folder


HUBS = pytest.mark.parametrize("kind", ["hf", "hf-stream"])


@HUBS
def test_hugging_face_without_a_name(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:", place.out, words='"hf:" has no name after it: give the name of a data set, as in hf:')


@HUBS
def test_hugging_face_of_a_missing_folder(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:{place.root}/nowhere", place.out, words=f"cannot read hf:{place.root}/nowhere: ")


@HUBS
def test_hugging_face_of_an_empty_folder(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:{place.root}/here", place.out, words=f"cannot read hf:{place.root}/here: ")


@HUBS
def test_hugging_face_of_a_set_that_cannot_be_reached(kind: str, place: Place, datasets: Any) -> None:
    assert datasets
    place.refuses(f"{kind}:nobody-of-this-name/nothing", place.out, words="cannot read hf:nobody-of-this-name/nothing: ")


@HUBS
def test_hugging_face_without_images(kind: str, place: Place, datasets: Any) -> None:
    folder = hub(datasets, place.root / "hub", [{"n": 1, "t": "x"}], n=datasets.Value("int32"), t=datasets.Value("string"))
    place.refuses(f"{kind}:{folder}", place.out, words=f"hf:{folder} has no column of images: its columns are n, t")


@HUBS
def test_hugging_face_with_bad_rows(kind: str, place: Place, datasets: Any) -> None:
    """Images that are none are skipped; numbers that are none are not known."""
    contents = [picture(1), b"text", None, half(picture(3)), b"", picture(2)]
    numbers = [math.inf, 1, 2, 3, 4, None]
    rows = [{"image": c if c is None else {"bytes": c, "path": None}, "n": n} for c, n in zip(contents, numbers, strict=True)]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image(), n=datasets.Value("float32"))
    skipped = {1: "^not an image$", 2: "^no image in this row$", 3: "^damaged: ", 4: "^no image in this row$|^empty file$"}
    images = place.packs(
        f"{kind}:{folder}",
        good={"train-0000000": 1, "train-0000005": 2},
        skipped={f"train-000000{number}": reason for number, reason in skipped.items()},
        splits=1,
    )
    assert np.isnan(images.attributes).all(), images.attributes


@HUBS
def test_hugging_face_with_a_label_that_there_is_not(kind: str, place: Place, datasets: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"image": {"bytes": picture(number), "path": None}, "label": 0} for number in (1, 2)]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image(), label=datasets.ClassLabel(names=["x", "y"]))
    table = parquet.read_table(folder / "train.parquet")
    parquet.write_table(table.set_column(1, table.schema.field(1), [[7, 1]]), folder / "train.parquet")
    around = surroundings(place.root, place.out)
    try:
        images = place.prepare(f"{kind}:{folder}")
    except UserError:
        assert not ImageSet.is_set(place.out)
    else:
        assert images.labels == ["", "y"]
    assert surroundings(place.root, place.out) == around


@HUBS
def test_hugging_face_with_a_damaged_file(kind: str, place: Place, datasets: Any) -> None:
    """The first file tells what is in the set; the second one cannot be read."""
    rows = [{"image": {"bytes": picture(1), "path": None}}]
    folder = hub(datasets, place.root / "hub", rows, image=datasets.Image())
    (folder / "test.parquet").write_bytes(half((folder / "train.parquet").read_bytes()))
    around = surroundings(place.root, place.out)
    with pytest.raises(UserError, match=f"hf:{folder}|hf hub"):
        place.prepare(f"{kind}:{folder}")
    assert surroundings(place.root, place.out) == around
    assert not ImageSet.is_set(place.out)


def test_hugging_face_says_nothing_else(place: Place, datasets: Any) -> None:
    """In a process of its own, where the library may write to standard error what it likes."""
    assert datasets
    write(place.root / "hub", {"train.parquet": b"PAR1 and then nothing"})
    cache = {"HF_DATASETS_CACHE": tempfile.mkdtemp(dir=place.root.parent)}
    done = run("prepare", f"hf:{place.root / 'hub'}", place.out, fresh=True, env=cache)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"vaegan: cannot read hf:{place.root / 'hub'}: ")
    assert not place.out.exists()
