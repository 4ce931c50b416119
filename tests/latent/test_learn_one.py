"""A direction from two sets of images: what it is, and that it is tested on images that it was not learned from."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vaegan import UserError, load
from vaegan.latent import learn_one as module
from vaegan.latent.directions import Directions
from vaegan.latent.learn_directions import learn
from vaegan.latent.learn_one import learn_one
from vaegan.models.vaegan import VAEGAN

from .test_learn_directions import made_up


@pytest.fixture(scope="module")
def model(run_on_photos: Path) -> VAEGAN:
    return load(run_on_photos)


def pictures(count: int, seed: int, light: int = 0) -> NDArray[np.uint8]:
    """Noise, lighter in the upper half."""
    pixels = np.random.default_rng(seed).integers(0, 120, (count, 16, 16, 3), dtype=np.uint8)
    pixels[:, :8] += np.uint8(light)
    return pixels


def test_light_images_are_told_from_dark_ones(model: VAEGAN) -> None:
    directions, notes = learn_one(model, "Light", pictures(60, 0, 130), pictures(70, 1), sources=("a", "b"))
    assert directions.names == ("Light",)
    assert directions.sources == {"Light": ["a", "b"]}
    assert directions.about["counts"] == [[60, 70]]
    assert directions.about["probe"][0][1] > 0.9
    assert notes == []
    moved = directions.edit(model.encode(torch.full((1, 3, 16, 16), -1.0)).mean, {"Light": 1.0}, "mean")
    assert moved.shape == (1, 4)


@pytest.mark.parametrize("count", [12, 40])
def test_what_is_not_there_is_not_found(count: int) -> None:
    """As many numbers in a code as there are images: a probe of all of them would tell them apart without a mistake."""
    generator = torch.Generator().manual_seed(count)
    found = []
    answers = np.repeat(np.array([1, 0], np.float32), count)[:, None]
    for _ in range(10):
        scores = module._cross_validated(torch.randn(2 * count, 80, generator=generator), answers, "Nothing")
        found += [scores["probe"].auc, scores["mean"].auc]
    assert 0.35 < float(np.mean(found)) < 0.65
    assert min(found) < 0.5 < max(found)


def test_copies_count_once_and_few_images_are_said(model: VAEGAN) -> None:
    with_it, without = pictures(20, 0, 130), pictures(30, 1)
    once, _ = learn_one(model, "Light", with_it, without)
    directions, notes = learn_one(model, "Light", with_it.repeat(2, axis=0), np.concatenate([without, with_it]))
    assert directions.about["counts"] == once.about["counts"] == [[20, 30]]
    torch.testing.assert_close(directions.probes, once.probes)
    assert notes[0] == "note: left out 20 of the images with Light, because they are copies of others"
    assert notes[1] == "note: left out 20 of the images without Light, because they are copies of others"
    assert (
        notes[2] == 'note: the attribute "Light" was learned from only 20 images with it and 30 without it, so its measured '
        "accuracy may be wrong by 0.14: "
        "at least 50 of each are better"
    )
    with pytest.raises(UserError, match="there are only 9 images with Light, and at least 10 are needed: give more images with --with"):
        learn_one(model, "Light", with_it[:9], without)
    with pytest.raises(UserError, match='--with and --without give the same images: for --without, choose images that do not have "Light"'):
        learn_one(model, "Light", with_it, with_it)


def test_directions_of_all_kinds_stand_beside_each_other(tmp_path: Path) -> None:
    codes, answers = made_up(500)
    weights = {"weights": "1"}
    table = dataclasses.replace(
        learn(codes, answers[:, :2], ["Hat", "Beard"]),
        about={**weights, "set": "x", "counts": [[1, 2]] * 2, "probe": [[0, 1]] * 2, "mean": [[0, 1]] * 2},
    )
    tie = dataclasses.replace(
        learn(codes, answers[:, 2:3], ["Tie"]),
        about={**weights, "sources": {"Tie": ["a", "b"]}, "counts": [[3, 4]], "probe": [[0, 0.5]], "mean": [[0, 0.5]]},
    )
    path = tmp_path / "attributes.safetensors"
    tie.store(path, "RUN")
    both, notes = table.store(path, "RUN")
    assert (both.names, notes) == (("Hat", "Beard", "Tie"), [])
    assert both.about["counts"] == [[1, 2], [1, 2], [3, 4]]
    assert both.exclusive.tolist()[2] == [False] * 3
    loaded = Directions.load(path)
    assert loaded.of_attributes.names == ("Hat", "Beard")
    assert torch.equal(loaded.of_attributes.thresholds, table.thresholds)
    for name in ("Hat", "Tie"):
        alone = table if name == "Hat" else tie
        torch.testing.assert_close(loaded.edit(codes[:5], {name: 1.0}), alone.edit(codes[:5], {name: 1.0}))
    again, _ = tie.store(path, "RUN")
    assert again.names == ("Hat", "Beard", "Tie"), "it replaces that of its name"
    same = dataclasses.replace(table, names=("Hat", "Tie"))
    found, notes = same.store(path, "RUN")
    assert (found.names, notes) == (("Hat", "Tie"), ['left out the attribute "Tie": it was learned from a and b'])
    assert found.sources == {"Tie": ["a", "b"]}
    later = dataclasses.replace(table, about={**table.about, "weights": "2", "data": "my set", "tested": [[5, 6]] * 2})
    found, (note,) = later.store(path, "runs/a")
    assert found.names == ("Hat", "Beard")
    repeat = "vaegan attributes runs/a --with a --without b --name Tie"
    assert note == f'the model has changed since the attribute "Tie" was learned: learn it again with: {repeat}'
    hers = dataclasses.replace(tie, about={**tie.about, "weights": "2"})
    assert hers.store(path, "runs/a")[0].about["tested"] == [[5, 6], [5, 6], None], "a version before did not count"
    assert tie.store(path, "runs/a")[1] == [
        'the model has changed since the attributes "Hat" and "Beard" were learned: learn them again with: '
        "vaegan attributes runs/a --data 'my set'"
    ]
    path.write_bytes(b"damaged")
    assert tie.store(path, "RUN")[0].names == ("Tie",)
