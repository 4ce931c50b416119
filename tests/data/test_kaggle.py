"""CelebA as Kaggle has it: lists as CSV files, and images two folders deep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan.begin import anchored_recipe
from vaegan.data import prepare
from vaegan.data.sources import anchored, find_source, recognized
from vaegan.run import Run

from ..command import train, works
from ..tiny import tiny


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "img_align_celeba" / "img_align_celeba").mkdir(parents=True)
    names = [f"{number + 1:06d}.jpg" for number in range(12)]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (218, 178, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "img_align_celeba" / "img_align_celeba" / name)
    lists = {
        "list_attr_celeba.csv": ("image_id,Bald,Young", lambda n: f"{1 if n % 3 else -1},{1 if n % 2 else -1}"),
        "list_eval_partition.csv": ("image_id,partition", lambda n: str(0 if n < 8 else n % 2 + 1)),
        "list_bbox_celeba.csv": ("image_id,x_1,y_1,width,height", lambda _: "95,71,226,313"),
        "list_landmarks_align_celeba.csv": ("image_id,lefteye_x,lefteye_y", lambda n: f"69,{109 + n}"),
    }
    for file, (header, cells) in lists.items():
        (folder / file).write_text("\n".join([header, *(f"{name},{cells(n)}" for n, name in enumerate(names))]) + "\n")
    return folder


def test_it_is_packed_as_celeba_is(kaggle: Path, tmp_path: Path) -> None:
    packed, wanted = (
        prepare(source, tmp_path / name, progress=lambda *_: None, size=(16, 16), workers=1)
        for name, source in {"plain": str(kaggle), "named": f"celeba:{kaggle}"}.items()
    )
    assert packed.preparation.crop == "celeba"
    assert packed.splits == {"train": 8, "validation": 2, "test": 2}
    assert packed.attribute_names == ("Bald", "Young")
    assert packed.attributes.tolist() == [[float(n % 3 > 0), float(n % 2)] for n in range(12)]
    assert packed.names[0] == "000001.jpg"
    assert packed.manifest == wanted.manifest
    assert packed.manifest["notes"] == []


def test_it_is_recognised(kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kaggle.parent)
    assert recognized("archive") == "celeba:archive"
    assert anchored("archive") == anchored("celeba:archive") == f"celeba:{kaggle}"
    assert recognized("celeba:archive") == "celeba:archive"
    assert recognized("archive/img_align_celeba") == "archive/img_align_celeba"
    assert find_source("archive").notes == ["only its image files are used; it looks like celeba: to use all of it, give it as celeba:PATH"]
    (kaggle / "img_align_celeba").rename(kaggle / "faces")
    assert recognized("archive") == "archive"


def test_a_run_trains_on_it(kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was begun on its image files alone goes on with these."""
    train(tmp_path / "run", "--data", kaggle, data__avatars=None, data__held_out=0.5, training__length="1 steps", training__batch=4)
    run = Run(tmp_path / "run")
    assert run.data.source == f"celeba:{kaggle}"
    assert run.images().splits == {"train": 8, "validation": 2, "test": 2}
    recipe = tiny(data__source=str(kaggle))
    assert anchored_recipe(recipe, run).data.source == f"celeba:{kaggle}"
    run.recipe_file.write_text(run.recipe_file.read_text().replace("celeba:", ""))
    begun = Run(run.folder)
    assert anchored_recipe(begun.recipe, begun).data.source == begun.data.source == str(kaggle)
    assert anchored_recipe(recipe, Run(tmp_path / "new")).data.source == f"celeba:{kaggle}"
    capsys.readouterr()
    works("data", kaggle, "--size", 16, "--out", tmp_path / "sheet.png")
    assert "2 attributes, with the share" in capsys.readouterr().out
