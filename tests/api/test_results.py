"""Functions give back what they found, show it in a notebook, and print nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import vaegan
from vaegan import UserError, load, to_tensor
from vaegan.data import Preparation, open_images
from vaegan.data.read_images import read_images
from vaegan.progress import console_of, progress_bar
from vaegan.result import Result, as_json


def test_a_run_a_model_and_a_path_give_the_same(run_on_photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = load(run_on_photos)
    found = [vaegan.sample(one, 5, seed=2) for one in (run_on_photos, str(run_on_photos), vaegan.Run(run_on_photos), model)]
    with torch.inference_mode():
        expected = model.sample(5, 2)
    assert all(torch.equal(one.images, expected) for one in found)
    assert [picture.size for picture in found[0].pictures()] == [(16, 16)] * 5
    assert capfd.readouterr() == ("", "")


def test_a_notebook_shows_table_and_picture(run_on_photos: Path, all_photos: Path) -> None:
    found = vaegan.reconstruct(run_on_photos, all_photos / "photo 00.png")
    html = found._repr_html_()
    assert "pixel error" in html
    assert "photo 00.png" in html
    assert "data:image/png;base64," in html
    assert "pixel error" in str(found)
    assert "photo 00.png" in repr(found)
    film = vaegan.walk(run_on_photos, seconds=0.2, fps=10, tiles=(1, 1))
    assert "data:image/gif;base64," in film._repr_html_()


def test_what_is_written_is_escaped(run_on_photos: Path, all_photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "<script>alert(1)[bold].png"
    path.write_bytes((all_photos / "photo 00.png").read_bytes())
    html = vaegan.reconstruct(run_on_photos, path)._repr_html_()
    assert "<script>" not in html
    assert "[bold]" in html


def test_progress_is_shown_where_it_is_asked_for(trained: Path, all_photos: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (trained / "score.safetensors").unlink(missing_ok=True)
    found = vaegan.score(trained, all_photos / "photo 00.png")
    assert capfd.readouterr() == ("", "")
    assert found.notes == [
        "note: with only 20 normal images, every p-value is at least 0.048, so no image counts as unusual at --false-positive-rate 0.01: "
        "calibrate on more normal images with --calibrate SET, or give a higher rate"
    ]
    vaegan.score(trained, all_photos / "photo 00.png", progress=True)
    said = capfd.readouterr()
    assert said.out == ""
    assert "calibrated on the run's held-out images" in said.err
    with (console := Console(quiet=False)).capture() as capture:
        vaegan.score(trained, all_photos / "photo 00.png", progress=console)
    assert "calibrated on" in capture.get()


def test_training_is_silent_unless_it_is_asked_to_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from ..tiny import tiny

    found = vaegan.train(tiny(training__length="1 steps"), tmp_path / "run", device="cpu", report=False)
    assert capfd.readouterr() == ("", "")
    assert found.to_dict() == {"run": str(tmp_path / "run"), "picture": str(found.picture), "page": None, "studio": None}
    vaegan.train(tiny(training__length="1 steps"), tmp_path / "other", device="cpu", report=False, progress=True)
    assert "1 steps on the CPU" in capfd.readouterr().err


def test_a_bar_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console_of(None).quiet
    assert console_of(False).quiet
    assert not console_of(True).quiet
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert not console_of(None).quiet
    assert console_of(False).quiet
    with progress_bar(console_of(False)) as progress:
        progress("working", 1, 2)


def test_models_in_memory(run_on_avatars: Path, all_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model, run = load(run_on_avatars), vaegan.Run(run_on_avatars)
    _, pixels = read_images([all_photos], model.preparation)
    held_out = run.images()
    floats = to_tensor(pixels)
    near = vaegan.search(model, floats[:2], within=held_out, count=3)
    assert [row.rank for row in near.rows] == [1, 2, 3] * 2
    scored = vaegan.score(model, floats[:3], calibrate=held_out)
    assert [row.name for row in scored.rows] == ["image 0", "image 1", "image 2"]
    assert scored.rows[0].combined == pytest.approx(vaegan.score(model, pixels[:3], calibrate=held_out).rows[0].combined)
    assert vaegan.score(model, pixels[:1], calibrate=pixels).calibrated_on == "images of a program"
    assert vaegan.Scorer.calibrate(model, held_out.images, np.arange(40)).source == str(held_out.folder)
    with pytest.raises(UserError, match="was prepared with crop none, but crop centre is needed"):
        vaegan.search(model, floats, within=open_images("avatars", Preparation((16, 16), 3, "none"), count=24, progress=lambda *_: None))
    codes = vaegan.encode(model, floats)
    np.testing.assert_allclose(codes.mean, vaegan.encode(model, all_photos).mean, atol=1e-4)
    learned = vaegan.attributes(model, held_out)
    assert learned.rows[0].probe_auc == max(row.probe_auc or 0 for row in learned.rows)
    sums = vaegan.arithmetic(model, [all_photos / "photo 00.png", "-", pixels[1], "+", floats[2]])
    assert sums.image.shape == (1, 3, 16, 16)
    edited = vaegan.edit(model, floats[:2], {learned.rows[0].name: 1}, strip=True, directions=learned.directions)
    assert edited.images.shape == (2 * 7, 3, 16, 16)
    for refused in (lambda: vaegan.search(model, floats), lambda: vaegan.evaluate(model), lambda: vaegan.attributes(model)):
        with pytest.raises(UserError, match="does not say which images"):
            refused()
    assert vaegan.search(model, pixels[:1], within=pixels, count=1).rows[0].number == 0, "it finds itself in an array"
    with pytest.raises(UserError, match="a model in memory has no directions"):
        vaegan.edit(model, floats, {"Beard": 1})
    with pytest.raises(UserError, match=r"call model.eval\(\) first"):
        vaegan.sample(model.train())
    assert list(tmp_path.iterdir()) == [], "nothing is written beside a model that is in no folder"


def test_strips_and_films(run_on_photos: Path, all_photos: Path, tmp_path: Path) -> None:
    found = vaegan.interpolate(run_on_photos, [all_photos / "photo 00.png", all_photos / "photo 01.png"], steps=4)
    assert found.images.shape == (4, 3, 16, 16)
    film = found.film(fps=10)
    assert film.frames == 5 + 3, "there, and back without the ends"
    assert film.save(tmp_path / "film.gif").stat().st_size > 100


def test_packages_that_are_functions(all_photos: Path) -> None:
    found = vaegan.data(all_photos, vaegan.Recipe.load("quick", {"data.source": str(all_photos), "networks.size": (16, 16)}))
    assert (found.images, found.size, found.verified) == (40, (16, 16), False)
    assert vars(vaegan.data)["ImageSet"] is vaegan.ImageSet, "and they are packages still"
    assert callable(vaegan.report)
    assert callable(vaegan.bench)


def test_a_list_of_runs_is_a_list(run_on_photos: Path) -> None:
    found = vaegan.runs(run_on_photos.parent)
    assert [one.state for one in found] == ["finished"]
    assert json.loads(json.dumps(found.to_dict()))["rows"][0]["step"] == 2
    assert "finished" in str(found)


def test_a_fitted_prior_is_still_a_prior(trained: Path) -> None:
    prior = vaegan.fit_prior(trained, device="cpu")
    assert prior.draw(3, 0).shape == (3, 4)
    assert isinstance(prior, Result)
    assert prior.to_dict()["latent"] == 4


def test_values_for_json() -> None:
    values = {
        "a": float("nan"),
        "b": (np.float32(1), np.arange(2)),
        "c": Path("x"),
        "d": torch.zeros(1),
        "e": {1: None},
        "f": np.bool_(True),
    }
    assert as_json(values) == {"a": None, "b": [1.0, [0, 1]], "c": "x", "d": [0.0], "e": {"1": None}, "f": True}
    json.dumps(as_json(values), allow_nan=False)
