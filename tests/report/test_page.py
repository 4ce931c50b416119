"""The report is one page that is whole, harmless, and says what is missing."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import shutil
from dataclasses import fields
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaegan import VAEGAN, Recipe, Run, UserError, load
from vaegan.data import cache_folder, prepare
from vaegan.latent.directions import Directions
from vaegan.latent.encode import encode
from vaegan.models.fingerprint import fingerprint
from vaegan.recipe import called
from vaegan.report import report
from vaegan.report.facts import RunImages, differences
from vaegan.report.nearest import LARGE_BYTES, NEIGHBOURS, SAMPLES, _picture
from vaegan.report.pictures import MOST, Frames, embed_exactly

from ..command import fails, works
from ..tiny import tiny


class Page(HTMLParser):
    """What is in a page: its tags with their attributes, and its text without that of styles and scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script"):
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, there is time to encode a few images."""
    monkeypatch.setattr("vaegan.report.nearest.PATIENCE", math.inf)


def write_run(run: Path, *, steps: int = 40, pictures: int = 3, source: Path | None = None) -> Path:
    """A run folder as training leaves it, without the training."""
    (run / "samples").mkdir(parents=True)
    recipe = tiny(
        "quick-larsen", data__source=str(source or run.parent / "gone"), data__held_out=0.05, training__length="40 steps", training__batch=8
    )
    (run / "recipe.yaml").write_text(recipe.to_yaml(documented=True))
    line = {"images_per_second": 80.0, "prior": 3.0, "similarity": 9.0, "real": 0.6, "fake": 0.7, "pixel": 0.2}
    line |= {"decoder_steps": 1.0, "discriminator_steps": 0.5, "lr": 1e-3, "gamma": 0.1}
    lines = [{"step": step, "images": 8 * step, **line, "prior": 3 + step} for step in range(10, steps + 1, 10)]
    (run / "stats.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    for step in range(10, 10 * pictures + 1, 10):
        pixels = np.random.default_rng(step).integers(0, 256, (60, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(run / "samples" / f"step-{step:06d}.png")
    return run


@pytest.mark.parametrize(
    ("kind", "there", "absent"),
    [
        ("vaegan", ["A VAE/GAN trained", "Learned similarity", "Gate", "encoder", "vaegan score"], ["--by similarity"]),
        (
            "vae",
            ["A VAE with pixel errors, trained", "in standard deviations of the pixels", "vaegan reconstruct"],
            ["Learned similarity", "Gate", "discriminator 0", "vaegan score"],
        ),
        (
            "gan",
            ["A GAN trained", "Gate", "--samples 8 --by similarity"],
            ["Prior", "Pixel error", "encoder 0", "vaegan edit", "vaegan reconstruct"],
        ),
    ],
)
def test_a_page_shows_what_the_objective_has(tmp_path: Path, kind: str, there: list[str], absent: list[str]) -> None:
    run = write_run(tmp_path / "faces")
    relative = {"objective.similarity": "levels"} if kind == "vae" else {}
    recipe = Recipe.load(run / "recipe.yaml", {"objective.kind": kind, **relative})
    (run / "recipe.yaml").write_text(recipe.to_yaml())
    text = " ".join(Page(report(run)).text.split("The whole recipe")[0].split()) + Page(run / "report.html").text.split("Next steps")[-1]
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    assert [words for words in there if words not in text] == []
    assert [words for words in absent if words in text] == []


def test_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "faces")
    path = report(run)
    assert path == run / "report.html"
    page = Page(path)
    for words in (
        "40 of 40 steps, 320 images, 4 s",
        "16\xa0×\xa016, colour",
        "quick",
        "objective.gamma",
        f"vaegan train --resume {run} --steps 80",
    ):
        assert words in page.text
    assert "Prior" in page.text
    assert "43" in page.text  # the last value of the prior
    assert "not finished" not in page.text
    shown = [image for image in page.all("img") if "hidden" not in image]
    assert [image["data-step"] for image in shown] == ["30"]  # without its script the page shows the newest picture
    assert len(page.all("img")) == 3
    assert report(run, tmp_path / "elsewhere" / "page.html").read_bytes() == path.read_bytes()
    assert not list(run.glob("*.partial"))


def test_nothing_is_asked_of_other_machines(tmp_path: Path) -> None:
    path = report(write_run(tmp_path / "run"))
    page = Page(path)
    policy = next(meta["content"] or "" for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            assert re.match(r"data:|#|$", attributes.get(name) or ""), attributes
        assert "style" not in attributes, "the page's policy would not let it"
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"url\(|@import|fetch\(|https?://(?!www\.w3\.org)", path.read_text())


def test_the_page_can_be_read_aloud(tmp_path: Path) -> None:
    page = Page(report(write_run(tmp_path / "run")))
    assert page.all("html") == [{"lang": "en"}]
    for landmark in ("header", "main", "footer", "nav", "h1"):
        assert len(page.all(landmark)) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(image.get("alt") for image in page.all("img"))
    labels = [svg["aria-label"] or "" for svg in page.all("svg") if svg.get("role") == "img"]
    assert len(labels) == 7
    assert labels[0] == "Prior. From 13 at step 10 to 43 at step 40; lowest 13 at step 10, highest 43 at step 40."
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    for _, attributes in page.tags:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in identities
    for link in page.all("a"):
        assert (link["href"] or "")[1:] in identities


def test_what_files_say_does_nothing(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>&amp;\"'"
    run = write_run(tmp_path / evil.replace("/", "\N{FRACTION SLASH}"), pictures=1)
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(f"# {evil}\n{recipe}")
    line = {"step": 50, "images": 400, evil: 1.0, "warnings": [evil]}
    with (run / "stats.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    (run / "samples" / f"{evil.replace('/', '-')}.png").write_bytes(b"")
    page = Page(report(run))
    assert len(page.all("script")) == 1
    assert page.text.count("<script>alert(1)") >= 5  # title, heading, commands, recipe, warning: all there, as text
    assert evil in page.text
    assert "alert(1)" in " ".join(svg["aria-label"] or "" for svg in page.all("svg") if svg.get("role") == "img")


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    run = Path(f"{tmp_path}/odd \udcff name")
    try:
        write_run(run)
    except (OSError, UnicodeError):
        pytest.skip("this file system has only names that are text")
    assert "odd" in Page(report(run)).text


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", pictures=0)
    shutil.rmtree(run / "samples")
    (run / "stats.jsonl").unlink()
    text = Page(report(run)).text
    assert "The run’s folder samples has no pictures yet" in text
    assert "The file stats.jsonl has no values yet" in text
    assert f"This page has no training images: {tmp_path / 'gone'} does not exist" in text
    (run / "recipe.yaml").write_text("objective: {gama: 1}\n")
    text = Page(report(run)).text
    assert "This page has no recipe" in text
    assert "objective: {gama: 1}" in text


def test_damaged_lines_and_pictures_are_passed_over(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "samples" / "step-000020.png").write_bytes(b"no picture")
    good = (run / "stats.jsonl").read_text()
    odd = [
        '{"step": 15',
        "[1, 2]",
        '"step"',
        '{"prior": 3}',
        '{"step": null}',
        '{"step": 1e999}',
        "\x00",
        "[" * 100_000,
        '{"step": 1' + "0" * 400 + "}",
    ]
    more = (
        '{"step": 44, "images": 352, "prior": NaN, "real": "much", "fake": null, "pixel": 1e400, "lr": 1'
        + "0" * 400
        + ', "decoder_steps": true, "warnings": "it is collapsing"}\n'
    )
    (run / "stats.jsonl").write_text("\n".join(odd) + "\n" + good + more)
    page = Page(report(run))
    assert "Damaged lines of stats.jsonl that are left out: 9." in page.text
    assert "These pictures cannot be read: step-000020.png." in page.text
    assert "it is collapsing (from step 44)" in " ".join(page.text.split())
    assert "NaN" not in page.text.split("The whole recipe")[0]
    assert len(page.all("img")) == 2


@pytest.mark.parametrize("text", ["", "[]", "null", "data:\n", "data: {source: 3}\n", "objective: {gamma: [1]}\n", "\x00", "a: &a [*a]"])
def test_a_recipe_that_is_none(tmp_path: Path, text: str) -> None:
    run = write_run(tmp_path / "run")
    (run / "recipe.yaml").write_text(text)
    shown = Page(report(run)).text
    assert "Learned similarity" in shown
    assert "this curve can rise although the reconstructions get better" in shown


def write_trained(tmp_path: Path, photos: Path) -> Path:
    """A run with a model, and the set that it was trained on."""
    prepare(str(photos), tmp_path / "set", progress=lambda *_: None, size=(16, 16))
    run = write_run(tmp_path / "run", source=tmp_path / "set")
    torch.manual_seed(0)
    recipe = Recipe.load(run / "recipe.yaml")
    VAEGAN(recipe.networks, recipe.preparation).save_pretrained(run / "model")
    return run


def test_nearest_training_images(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_trained(tmp_path, photos)
    page = Page(report(run))
    assert "38 to train on, 2 held out" in page.text
    found = [image["src"] for image in page.all("img") if "Training image" in (image["alt"] or "")]
    model, trained = load(run), RunImages.of(Run(run))
    with torch.no_grad():
        samples = model.encode(model.sample(SAMPLES)).mean[:1]
    codes = encode(model, trained.images.images, trained.training).mean
    order = torch.linalg.vector_norm(codes - samples, dim=1).argsort()[:NEIGHBOURS].numpy()
    pixels = trained.images.images[trained.training[order]]
    assert found[:NEIGHBOURS] == [embed_exactly(Image.fromarray(image)).uri for image in pixels]
    assert len(found) == SAMPLES * NEIGHBOURS
    assert "for 2 held-out images" in page.text
    monkeypatch.setattr("vaegan.metrics.memorization.SAME", 1.0)
    assert "so this page cannot say whether samples are copies" in Page(report(run)).text
    shutil.rmtree(cache_folder() / "codes")
    monkeypatch.setattr("vaegan.report.nearest.PATIENCE", 0.0)
    assert "The nearest training images are not shown, because encoding 40 images would take more than 0 s." in Page(report(run)).text


@pytest.mark.parametrize("shape", [(16, 16, 1), (256, 256, 3), (16, 300, 1)])
def test_images_of_any_shape_are_shown(shape: tuple[int, int, int]) -> None:
    picture = _picture(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert len(picture.uri) <= LARGE_BYTES
    with Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))) as shown:
        assert shown.mode == "RGB"
        assert shown.size == (picture.width, picture.height)
        assert picture.width / picture.height == pytest.approx(shape[1] / shape[0], rel=0.1)


def test_a_model_that_is_damaged(tmp_path: Path, photos: Path) -> None:
    run = write_trained(tmp_path, photos)
    (run / "model" / "model.safetensors").write_bytes(b"nothing")
    text = Page(report(run)).text
    assert "is damaged" in text
    assert "vaegan search" in text


def test_attributes(tmp_path: Path, photos: Path) -> None:
    run = write_trained(tmp_path, photos)
    assert "The images have no attributes" in Page(report(run)).text
    weights = fingerprint(load(run))
    about = {"counts": [[10, 28], [1900, 19]], "probe": [[0.9, 0.95], [None, 0.99]], "weights": weights}
    path = run / "attributes.safetensors"

    def write(about: dict[str, object]) -> str:
        tensors: dict[str, Any] = {field.name: torch.zeros(2, 2) for field in fields(Directions) if field.name not in ("names", "about")}
        Directions(("Hat", "<i>Beard"), **tensors, about=about).save(path)
        return " ".join(Page(report(run)).text.split())

    assert "<i>Beard190019–0.990 Hat10280.9000.950" in write(about).replace("1,9", "19")  # the best first
    assert f"vaegan edit {run} IMAGE --add '<i>Beard'=1" in Page(run / "report.html").text
    Image.new("RGB", (50, 40)).save(run / "attributes.png")
    assert "Learn them again" not in write(about)
    assert any("attribute added" in (image["alt"] or "") for image in Page(run / "report.html").all("img"))
    assert "have changed since these directions were learned. Learn them again" in write(about | {"weights": "others"})
    for damage in ({"counts": [[1]]}, {"probe": "much"}, {"counts": None}, {"probe": [["a", "b"], ["c", "d"]]}):
        assert "attributes.safetensors cannot be read. Learn them again" in write(about | damage)
    path.write_bytes(b"nothing")
    assert "attributes.safetensors cannot be read" in Page(report(run)).text


def test_the_learned_similarity_is_drawn_relative_to_another_image_where_that_was_logged(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert "relative to another image" not in Page(report(run)).text, "a run of an older version"
    stats = run / "stats.jsonl"
    stats.write_text(stats.read_text().replace('"pixel"', '"relative_similarity": 0.25, "pixel"', 2))
    page = Page(report(run))
    labels = [svg["aria-label"] or "" for svg in page.all("svg") if svg.get("role") == "img"]
    assert any(
        label.startswith("Learned similarity, relative to another image. From 0.25 at step 10 to 0.25 at step 20") for label in labels
    )


def test_metrics(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert "Evaluation" not in Page(report(run)).text
    lines = [
        '{"step": 20, "fid": 99.5}',
        '{"step": 40, "frechet_distance": 12.345, "note": "<b>", "more": [1], "good": true}',
        '{"step": 5',
    ]
    (run / "metrics.jsonl").write_text("\n".join(lines))
    page = Page(report(run))
    text = " ".join(page.text.split())
    assert "Frechet distance12.3 note<b> goodTrue" in text
    assert "99.5" not in text
    assert {"href": "#metrics"} in page.all("a")


def test_metrics_of_an_evaluation_as_a_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    numbers = {"samples_recall_attributes": 0.25, "samples_recall_attributes_halves": 0.5, "samples_recall_attributes_halves_spread": 0.125}
    baseline = {"samples_recall_attributes_real_baseline": 0.75, "samples_recall_attributes_real_baseline_spread": 0.0625}
    settings = {"images": {"samples": 1000, "held_out": 40}, "extractor": "attributes", "seed": 3, "time": "2026-01-02"}
    own = {**numbers, **baseline, "psnr": 21.5, "psnr_standard_error": 0.25, "ssim": 0.5, "settings": settings}
    other = {**own, "psnr": 9.0, "settings": {**settings, "source": "celeba:faces"}}
    (run / "metrics.jsonl").write_text(f"{json.dumps(own)}\n{json.dumps(other)}\n")
    text = " ".join(Page(report(run)).text.split())
    assert "Measured on the run's own images: 1,000 samples, 40 held out; extractor attributes, seed 3, 2026-01-02." in text
    assert "samples: recall0.250.5 ± 0.1250.75 ± 0.0625" in text
    assert "PSNR21.5 ± 0.25 SSIM0.5" in text
    (run / "metrics.jsonl").write_text(f"{json.dumps(other)}\n")
    assert "Measured on another set, celeba:faces: 1,000 samples" in " ".join(Page(report(run)).text.split())


def test_a_run_that_is_not_finished(tmp_path: Path) -> None:
    page = Page(report(write_run(tmp_path / "run", steps=30)))
    assert "It is not finished." in page.text
    assert f"vaegan train --resume {tmp_path / 'run'}\n" in page.text  # to the length that it has


@pytest.mark.parametrize("bad", ["nowhere", "bare", "file"])
def test_what_is_no_run(tmp_path: Path, bad: str) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"{bad}"):
        report(tmp_path / bad)
    run = write_run(tmp_path / "run")
    with pytest.raises(UserError, match="this is a folder"):
        report(run, tmp_path / "bare")


def test_many_pictures_are_thinned_and_the_page_stays_small(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", pictures=0)
    pixels = np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8)  # the worst there is to compress
    Image.fromarray(pixels).save(run / "samples" / "step-000010.png", compress_level=0)
    for step in range(20, 350, 10):
        (run / "samples" / f"step-{step:06d}.png").hardlink_to(run / "samples" / "step-000010.png")
    frames = Frames.of(Run(run))
    assert len(frames.shown) == MOST
    assert frames.left_out == 34 - MOST
    assert (frames.shown[0].step, frames.shown[-1].step) == (10, 340)
    path = report(run)
    assert path.stat().st_size < 6e6
    assert "The run’s folder samples has 14 more" in Page(path).text


def test_the_recipe_in_words() -> None:
    assert called(Recipe.load("quick", {"data.source": "x", "training.seed": 3})) == "quick"
    assert called(Recipe.load("quick", {"objective.level": 1})) == "quick, with objective.level changed"
    assert (
        called(Recipe.load("quick", {"objective.level": 1, "augmentation.flip": True}))
        == "quick, with augmentation.flip and objective.level changed"
    )
    assert called(Recipe.load("larsen-cifar")) == "larsen-cifar"
    changed = {difference.key: difference for difference in differences(Recipe.load("quick"))}
    assert (changed["optimizer.kind"].here, changed["optimizer.kind"].default) == ("adam", "rmsprop")
    assert "gate.margin" not in changed


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "a run")
    works("report", run)
    assert capsys.readouterr().out == f"wrote {run / 'report.html'}\n"
    assert f"vaegan sample '{run}'" in Page(run / "report.html").text
    works("report", run, "--out", tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()
    assert "nowhere does not exist" in fails(capsys, "report", "nowhere")
