"""Attribute vectors from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import UserError
from vaegan.data import ImageSet
from vaegan.experiments.attribute_vectors import attribute_vectors

from ..command import fails, works
from .small import FLAGS, small


def test_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = attribute_vectors(small("attribute-vectors", tmp_path / "out", seeds=2))
    (table,) = found.tables
    assert all("±" in cell for _, cells in table.rows for cell in cells)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["shown"] == [name for name, _ in table.rows][:8]
    for how in ("mean", "probe"):
        with Image.open(tmp_path / "out" / f"edits-by-{how}.png") as picture:
            assert np.asarray(picture).std() > 1
    assert (tmp_path / "out" / "page.html").read_text().count("data:image/webp") == 2
    with monkeypatch.context() as patch:
        patch.setattr("vaegan.experiments.attribute_vectors.learn_from", lambda *_, **__: pytest.fail("they are learned already"))
        assert attribute_vectors(small("attribute-vectors", tmp_path / "out", seeds=2)).tables == found.tables
    (tmp_path / "out" / "runs" / "vaegan-0" / "attributes.safetensors").write_bytes(b"damaged")
    assert attribute_vectors(small("attribute-vectors", tmp_path / "out", seeds=2)).tables == found.tables


def test_the_command_and_its_mistakes(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "attribute-vectors", *FLAGS, "--out", tmp_path / "out"]
    works(*command, "--attributes", "Beard", "Eyeglasses")
    assert f"wrote {tmp_path / 'out' / 'edits-by-probe.png'}" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "results.json").read_text())["shown"] == ["Beard", "Eyeglasses"]
    assert "Did you mean Beard?" in fails(capsys, *command, "--attributes", "Bread")
    assert "has no attributes" in fails(capsys, *command[:-1], tmp_path / "b", "--data", photos)
    assert "are not conditional" in fails(capsys, *command[:-1], tmp_path / "c", "--networks.attributes", "Beard")


def test_too_few_examples_are_told_before_anything_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.experiments.experiment.train", lambda *_, **__: pytest.fail("it is trained already"))
    experiment = small("attribute-vectors", tmp_path)
    attributes = experiment.images.attributes.copy()
    attributes[:, experiment.images.attribute_names.index("Beard")] = 1
    monkeypatch.setattr(ImageSet, "attributes", attributes)
    with pytest.raises(
        UserError,
        match=r'^cannot learn the attribute "Beard": 320 images have it and 0 do not, and at least 10 of each are needed: '
        "choose other attributes",
    ):
        attribute_vectors(experiment, ("Eyeglasses", "Beard"))
    monkeypatch.setattr(ImageSet, "attributes", np.ones_like(attributes))
    with pytest.raises(UserError, match=r"no attribute with enough examples: at least 10 training images must have it"):
        attribute_vectors(experiment)
