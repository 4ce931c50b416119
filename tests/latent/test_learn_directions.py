"""Directions of attributes: what is known of made-up codes is found, edits do what they say, and the command keeps it all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vaegan import Posterior, UserError
from vaegan.data import prepare, split
from vaegan.latent import learn_directions
from vaegan.latent.directions import HOWS, Directions

from ..command import fails, works

NAMES = ("Hat", "Beard", "Tie", "Bare")
TRUTH = torch.tensor([[2.0, 0, 0, 0, 0, 0], [0, 2.0, 1.0, 0, 0, 0], [0, 0, 2.0, 0, 0, 0], [-2.0, 0, 0, 1.0, 0, 0]])
"""What each attribute adds to a code."""


def made_up(count: int, seed: int = 0) -> tuple[Tensor, NDArray[np.float32]]:
    """Codes that are a sum of what attributes add, and noise. Beards and ties go together; who is bare wears no hat."""
    generator = torch.Generator().manual_seed(seed)
    chance = torch.rand(count, 4, generator=generator)
    has = torch.zeros(count, 4)
    has[:, 0] = chance[:, 0] < 0.4
    has[:, 1] = chance[:, 1] < 0.3
    has[:, 2] = chance[:, 2] < torch.where(has[:, 1] > 0, 0.8, 0.1)
    has[:, 3] = (chance[:, 3] < 0.5) & (has[:, 0] == 0)
    return has @ TRUTH + 0.4 * torch.randn(count, 6, generator=generator), has.numpy()


@pytest.fixture(scope="module")
def learned() -> Directions:
    codes, answers = made_up(4000)
    return learn_directions.learn(codes, answers, NAMES)


def test_the_difference_of_means_is_that(learned: Directions) -> None:
    codes, answers = made_up(4000)
    has = torch.from_numpy(answers[:, 1]) > 0
    torch.testing.assert_close(learned.means[1], codes[has].mean(0) - codes[~has].mean(0), rtol=1e-4, atol=1e-5)
    assert float(learned.means[1, 2]) > 1.8, "beards go with ties, and the difference of means has the tie in it"


def test_the_probes_edit_leaves_alone_what_only_goes_together(learned: Directions) -> None:
    codes, answers = made_up(500, seed=1)
    bare = torch.from_numpy((answers[:, 1] == 0) & (answers[:, 2] == 0))
    some = codes[bare]
    moved = {how: (learned.edit(some, {"Beard": 1.0}, how) - some).mean(0) for how in HOWS}
    torch.testing.assert_close(moved["probe"], TRUTH[1], rtol=0, atol=0.35)
    assert float(moved["mean"][2]) > 1.8


def test_strength_1_makes_a_typical_one_and_minus_1_the_reverse(learned: Directions) -> None:
    codes, answers = made_up(2000, seed=2)
    for number, name in enumerate(NAMES):
        has = torch.from_numpy(answers[:, number]) > 0
        with_it, without = codes[has], codes[~has]
        alone = torch.from_numpy(answers[:, [a for a in range(4) if learned.exclusive[number, a]]]).sum(1)[~has] == 0
        put_on = (learned.edit(without, {name: 1.0}) - without)[alone].mean(0)
        taken_off = (learned.edit(with_it, {name: -1.0}) - with_it).mean(0)
        torch.testing.assert_close(put_on, TRUTH[number], rtol=0, atol=0.35)
        torch.testing.assert_close(taken_off, -TRUTH[number], rtol=0, atol=0.35)
        kept = (learned.edit(with_it, {name: 1.0}) - with_it).norm(dim=1).mean()
        assert kept < 0.25, "who has it already keeps it"


def test_what_an_attribute_excludes_goes(learned: Directions) -> None:
    assert learned.exclusive[0].tolist() == [False, False, False, True]
    assert torch.equal(learned.exclusive, learned.exclusive.T)
    codes, answers = made_up(2000, seed=3)
    bare = codes[torch.from_numpy(answers[:, 3]) > 0]
    torch.testing.assert_close((learned.edit(bare, {"Hat": 1.0}) - bare).mean(0), TRUTH[0] - TRUTH[3], rtol=0, atol=0.4)


def test_the_probes_read_0_without_and_1_with(learned: Directions) -> None:
    codes, answers = made_up(4000)
    readings = learned.readings(codes).numpy()
    for number in range(len(NAMES)):
        assert abs(readings[answers[:, number] == 0, number].mean()) < 1e-3
        assert abs(readings[answers[:, number] > 0, number].mean() - 1) < 1e-3


def test_strength_0_is_no_edit_and_the_mean_is_a_vector(learned: Directions) -> None:
    codes, _ = made_up(50, seed=4)
    for how in HOWS:
        assert torch.equal(learned.edit(codes, {"Hat": 0.0, "Tie": 0.0}, how), codes)
    torch.testing.assert_close(learned.edit(codes, {"Hat": -1.5}, "mean"), codes - 1.5 * learned.means[0])


def test_accuracies_of_images_that_were_not_learned_from(learned: Directions) -> None:
    codes, answers = made_up(3000, seed=5)
    scores = learn_directions.accuracies(learned, codes, answers)
    assert all(score.auc > 0.97 and score.balanced > 0.9 for score in scores["probe"])
    assert scores["probe"][1].auc > scores["mean"][1].auc + 0.003
    nobody = learn_directions.accuracies(learned, codes, np.zeros_like(answers))
    assert np.isnan(nobody["probe"]).all()


def test_accuracy_by_counting() -> None:
    scores, answers = np.array([1, 2, 2, 3, 0], np.float32), np.array([0, 1, 0, 1, np.nan], np.float32)
    # of the four pairs, one with above one without: 2 > 1, 2 = 2 (half), 3 > 1, 3 > 2
    assert learn_directions._accuracy(scores, answers, 1.5) == learn_directions.Accuracy(0.75, 3.5 / 4)
    assert learn_directions._best_threshold(np.array([0, 1, 2, 3], np.float32), np.array([0, 0, 1, 1], np.float32)) == 1.5
    assert learn_directions._best_threshold(np.array([0, 1, 1, 3], np.float32), np.array([0, 0, 1, 1], np.float32)) in (0.5, 2.0)


def test_answers_that_are_not_known_are_left_out() -> None:
    codes, answers = made_up(4000)
    holes = answers.copy()
    unknown = np.random.default_rng(0).random(len(holes)) < 0.5
    holes[unknown, 1] = np.nan
    learned = learn_directions.learn(codes, holes, NAMES)
    known = learn_directions.learn(codes[~unknown], answers[~unknown], NAMES)
    torch.testing.assert_close(learned.means[1], known.means[1])
    assert torch.isfinite(learned.probes).all()
    assert learned.exclusive[0].tolist() == [False, False, False, True]


def test_too_few_examples() -> None:
    codes, answers = made_up(200)
    answers = np.column_stack([answers, np.zeros(200), np.full(200, np.nan)]).astype(np.float32)
    columns, sentences = learn_directions.learnable(answers, [*NAMES, "Never", "Unknown"])
    assert columns == [0, 1, 2, 3]
    assert sentences[0] == 'left out the attribute "Never": 0 images have it and 200 do not, and at least 10 of each are needed'
    assert 'left out the attribute "Unknown": 0 images have it and 0 do not, and at least 10 of each are needed' in sentences[1]
    with pytest.raises(UserError, match='left out the attribute "Never"'):
        learn_directions.learn(codes, answers[:, :5], [*NAMES, "Never"])
    with pytest.raises(UserError, match="NaN or infinity"):
        learn_directions.learn(codes * np.nan, answers[:, :4], NAMES)


class Faithful(torch.nn.Module):
    """Its images are its codes."""

    def decode(self, codes: Tensor) -> Tensor:
        return codes

    def encode(self, images: Tensor, *, check: bool = True) -> Posterior:  # noqa: ARG002 (as a model has it)
        return Posterior(images, images)


def test_lengths_make_up_for_what_falls_short(learned: Directions) -> None:
    codes, answers = made_up(1000, seed=6)
    told: list[tuple[str, int, int | None]] = []
    enough = learn_directions.calibrate(learned, Faithful(), codes, answers, lambda *what: told.append(what))  # type: ignore[arg-type]
    assert float((enough.lengths - 1).abs().max()) < 0.35
    assert told[-1] == ("finding how far edits must go", 4, 4)
    timid = dataclasses.replace(learned, vectors=0.8 * learned.vectors)
    longer = learn_directions.calibrate(timid, Faithful(), codes, answers)  # type: ignore[arg-type]
    torch.testing.assert_close(longer.lengths[1:3], enough.lengths[1:3] / 0.8, rtol=0.05, atol=0)
    assert (longer.lengths > enough.lengths).all()


def test_where_a_line_first_comes_to_what_is_wanted() -> None:
    assert learn_directions._first_at(1, (0, 0.5, 1, 1.5), (0, 0.5, 1.5, 0.5)) == 0.75
    assert learn_directions._first_at(1, (0, 0.5, 1, 1.5), (0, 0.2, 0.6, 0.5)) == 1


def test_a_file_keeps_it_all(learned: Directions, tmp_path: Path) -> None:
    path = tmp_path / "attributes.safetensors"
    directions = dataclasses.replace(learned, about={"set": "made up", "auc": [None, 0.5]})
    directions.save(path)
    loaded = Directions.load(path)
    assert (loaded.names, loaded.about) == (directions.names, directions.about)
    for field in dataclasses.fields(Directions):
        value = getattr(directions, field.name)
        if isinstance(value, Tensor):
            assert torch.equal(getattr(loaded, field.name), value)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged"):
        Directions.load(path)
    with pytest.raises(UserError, match="vaegan attributes "):
        Directions.load(tmp_path / "nothing")


def test_a_name_in_the_other_spelling_of_unicode(learned: Directions) -> None:
    directions = dataclasses.replace(learned, names=("Mu\u0308tze", *learned.names[1:]))
    directions.require("M\u00fctze")
    assert torch.equal(directions.edit(torch.zeros(1, 6), {"M\u00fctze": 1.0}), learned.edit(torch.zeros(1, 6), {"Hat": 1.0}))


def test_names_and_strengths_that_are_wrong(learned: Directions) -> None:
    codes = torch.zeros(1, 6)
    with pytest.raises(UserError, match=r"there is no attribute named beerd\. Did you mean Beard\?"):
        learned.edit(codes, {"beerd": 1.0})
    with pytest.raises(UserError, match="there are Hat, Beard, Tie, Bare"):
        learned.edit(codes, {"Zebra": 1.0})
    with pytest.raises(UserError, match='strength of "Hat" must be a finite number'):
        learned.edit(codes, {"Hat": float("nan")})


def test_the_command(trained_on_avatars: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    works("attributes", trained_on_avatars)
    shown = capsys.readouterr()
    assert "Eyeglasses" in shown.out
    assert "learned from 300 images and tested on 100 held-out images" in " ".join(shown.out.split())
    assert f"wrote {trained_on_avatars / 'attributes.png'}" in shown.out
    directions = Directions.load(trained_on_avatars / "attributes.safetensors")
    assert "Beard" in directions.names
    assert directions.about["set"] == "avatars"
    with Image.open(trained_on_avatars / "attributes.png") as image:
        assert np.asarray(image).std() > 1
    first = (trained_on_avatars / "attributes.safetensors").read_bytes()
    works("attributes", trained_on_avatars, "--image", photos / "photo 00.png")
    assert (trained_on_avatars / "attributes.safetensors").read_bytes() == first
    assert "nothing.png does not exist" in fails(capsys, "attributes", trained_on_avatars, "--image", "nothing.png")
    assert "has no attributes: add some with: vaegan prepare IMAGES SET --attributes TABLE.csv" in fails(
        capsys, "attributes", trained_on_avatars, "--data", photos
    )
    assert "nowhere does not exist" in fails(capsys, "attributes", "nowhere")
    assert "give images with --data" in fails(capsys, "attributes", trained_on_avatars / "model")
    mistake = fails(capsys, "edit", trained_on_avatars / "model", photos / "photo 00.png", "--add", "Beard=1")
    assert f"vaegan attributes {trained_on_avatars / 'model'} --data SET" in mistake


def test_codes_of_a_set_as_a_file(trained_on_avatars: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("encode", trained_on_avatars, "avatars", "--out", tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as file:
        assert file["mean"].shape == file["logvar"].shape == (400, 4)
        assert (file["mean"].dtype, file["mean"].std() > 0) == (np.float32, True)
        assert (file["names"][7], file["labels"][7]) == ("avatar 7", "")
        assert file["attributes"].shape == (400, len(file["attribute_names"]))
    works("encode", trained_on_avatars / "model", photos)
    with np.load(trained_on_avatars / "model" / "codes.npz") as file:
        assert file["mean"].shape == (40, 4)
        assert "attributes" not in file
    assert "ends in .npz" in fails(capsys, "encode", trained_on_avatars, photos, "--out", "codes.csv")
    assert "nowhere does not exist" in fails(capsys, "encode", trained_on_avatars, "nowhere")


def test_the_sheet_shows_an_attribute_that_all_held_out_images_have(
    trained_on_avatars: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = prepare(str(photos), tmp_path / "plain", size=(16, 16), progress=lambda *_: None)
    (held_out,) = split(images, 0.01)[1][:]
    lines = [f"{name},{int(number == held_out or number % 2)}" for number, name in enumerate(images.names)]
    (tmp_path / "table.csv").write_text("\n".join(["file,Odd", *lines]))
    works("prepare", photos, tmp_path / "set", "--size", 16, "--attributes", tmp_path / "table.csv")
    recipe = trained_on_avatars / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("held_out: 0.25", "held_out: 0.01"))
    works("attributes", trained_on_avatars, "--data", tmp_path / "set")
    assert "tested on 1 held-out images" in " ".join(capsys.readouterr().out.split())
    with Image.open(trained_on_avatars / "attributes.png") as image:
        assert np.asarray(image).std() > 1


def test_a_note_on_few_held_out_images() -> None:
    codes, answers = made_up(300)
    learned = learn_directions.learn(codes, answers, list(NAMES))

    def note(*tested: tuple[int, int]) -> str:
        return learn_directions.note_on_few(dataclasses.replace(learned, about={"tested": tested}))

    many = (50, 400)
    assert note(many, many, many, many) == ""
    assert note(many, (0, 90), many, many) == "", "there is no accuracy"
    assert note(many, (25, 100), many, many) == (
        'note: "Beard" was tested on few held-out images, 25 with it and 100 without it, '
        "so its measured accuracy may be wrong by 0.11: at least 50 of each are better"
    )
    assert note((49, 49), (25, 100), many, many) == (
        "note: 2 attributes have few held-out images, so their measured accuracies may be wrong, "
        'by up to 0.11 for "Beard": hold out at least 50 images with each attribute and 50 without it'
    )


def test_a_note_on_attributes_that_edits_hardly_change() -> None:
    assert learn_directions.note_on_weak({"Hat": 0.98, "Tie": None, "Beard": 0.75}) == ""
    assert (
        learn_directions.note_on_weak({"Hat": 0.98, "Smiling": 0.73}) == 'note: edits of "Smiling" may change images very little: '
        "images with and without the attribute have similar codes (AUC below 0.75)"
    )
    assert 'edits of "A", "B", "C" and 2 more may change' in learn_directions.note_on_weak(dict.fromkeys("ABCDE", 0.5))
