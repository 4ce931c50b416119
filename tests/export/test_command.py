"""The command: its folder, what it says, and files for torch."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from PIL import Image

import vaegan
from vaegan import Run, UserError
from vaegan.data.deep import ORIENTATION
from vaegan.data.read_images import read_images
from vaegan.export.check import Part

from ..command import fails, works
from .models import model_of

Capture: TypeAlias = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]


def test_a_run_has_directions_and_p_values(
    trained_on_avatars: Path, all_photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    works("export", trained_on_avatars)
    said = capsys.readouterr()
    assert "reconstruct.onnx" in said.out
    assert f"wrote {trained_on_avatars / 'export'}" in said.out
    assert "note:" not in said.err
    about = json.loads((trained_on_avatars / "export" / "model.json").read_text())
    assert "Beard" in about["directions"]["names"]
    assert about["score"]["normal_images"] == 100
    assert about["images"] == {"layout": "N x C x H x W, float32", "channels": 3, "size": [16, 16], "range": [-1, 1]}
    assert about["files"]["decoder.onnx"] == {"inputs": {"codes": [4]}, "outputs": {"images": [3, 16, 16]}}
    prior = vaegan.load(trained_on_avatars).prior
    assert prior is not None
    assert torch.equal(torch.tensor(about["prior"]["factors"]), prior.factors.float())
    assert sorted(path.name for path in trained_on_avatars.glob("export*")) == ["export"]
    fails(capsys, "export", trained_on_avatars, words="export exists already: it holds an export; choose another --out")
    the_python_of_the_page_runs(trained_on_avatars, all_photos / "photo 00.png", monkeypatch)


def the_python_of_the_page_runs(run: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    (run.parent / "runs").mkdir()
    shutil.move(run, "runs/avatars")
    turned = Image.Exif()
    turned[ORIENTATION] = 6  # as phones store photos
    with Image.open(photo) as picture:
        picture.save("face.png", exif=turned)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL):
        exec(compile(block, "export.md", "exec"), names | {"vaegan": vaegan}, names)
    read = read_images([Path("face.png")], vaegan.Run.open("runs/avatars").preparation)[1]
    assert np.abs(names["images"] - vaegan.to_tensor(read).numpy()).max() < 1e-6
    assert Path("exported/score.onnx").is_file()


def test_what_is_there_stays(tmp_path: Path) -> None:
    model = model_of("quick", untrained=("encoder",))
    with pytest.raises(UserError, match="a model in memory has no folder"):
        vaegan.export(model)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"full exists already: it holds notes\.txt; choose another --out"):
        vaegan.export(model, tmp_path / "full")
    with pytest.raises(UserError, match=r"notes\.txt exists already: it is a file; choose another --out"):
        vaegan.export(model, tmp_path / "full" / "notes.txt")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.partial").mkdir()  # of an export that was killed
    (tmp_path / "empty.partial" / "encoder.onnx").write_bytes(b"half")
    exported = vaegan.export(model, tmp_path / "empty")
    assert sorted(path.name for path in exported.folder.iterdir()) == ["decoder.onnx", "example.py", "model.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    with pytest.raises(UserError) as raised:
        vaegan.export(model_of("quick"), tmp_path / "out")
    assert str(raised.value) == 'vaegan export needs the package onnxruntime: install it with: pip install "vaegan[export]"'


def test_a_file_that_is_off_is_no_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Part, "forward", lambda _, codes: (torch.zeros(len(codes), 3, 16, 24),))
    with pytest.raises(RuntimeError, match=r"decoder\.onnx does not give the same values as the model"):
        vaegan.export(model_of("quick", untrained=("encoder",)), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
@torch.no_grad()
def test_files_for_torch_take_any_number_of_images(tmp_path: Path) -> None:
    model = model_of("reference", ("Smiling",), untrained=("discriminator",))
    folder = vaegan.export(model, tmp_path / "out", pt2=True).folder
    for name in ("encoder", "decoder", "reconstruct"):
        program = torch.export.load(folder / f"{name}.pt2").module()
        for count in (1, 2, 7):
            first = torch.randn(count, 4) if name == "decoder" else torch.rand(count, 3, 16, 24) * 2 - 1
            inputs = (first, torch.full((count, 1), torch.nan))
            for found, wanted in zip(program(*inputs), Part(model, name)(*inputs), strict=True):
                torch.testing.assert_close(found, wanted)
    assert str(Path(vaegan.__file__).parents[2]).encode() not in b"".join(path.read_bytes() for path in folder.glob("*.pt2"))


def test_a_direction_of_ones_own_stays_beside_those_that_are_learned(trained_on_avatars: Path, tmp_path: Path) -> None:
    images = Run.open(trained_on_avatars).images().images
    vaegan.attributes(trained_on_avatars, with_images=images[:12], without_images=images[12:], name="First")
    exported = vaegan.export(trained_on_avatars, tmp_path / "out")
    names = json.loads((exported.folder / "model.json").read_text())["directions"]["names"]
    assert "First" in names
    assert len(names) > 1
    assert vaegan.Directions.load(Run.open(trained_on_avatars).attributes_file).names == tuple(names)
