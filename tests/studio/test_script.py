"""The page's script computes what the package computes: tried with node, where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vaegan import VAEGAN, Run
from vaegan.data.batches import to_tensor
from vaegan.latent.anomaly import Scorer
from vaegan.latent.directions import Directions
from vaegan.latent.measurements import LEAST
from vaegan.models.prior import Mixture
from vaegan.studio.contents import Contents, gather
from vaegan.studio.page import HERE, SCRIPTS

from ..command import train

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(not NODE, reason="there is no node")

MAIN = """
const fs = require("fs"), given = JSON.parse(fs.readFileSync(0, "utf-8"));
const content = Buffer.from(given.weights, "base64"), bytes = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
const model = new Model(given.about, bytes, given.how), plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const answer = async ([what, one]) => {
  for (const name of ["code", "pixels"]) if (one[name]) one[name] = Float32Array.from(one[name]);
  const result = what === "normal" ? new Generator(one.seed).normal(one.count) : await model[what](one);
  const parts = (parts) => Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, plain(value)]));
  return ArrayBuffer.isView(result) ? plain(result) : parts(result);
};
Promise.all(given.asked.map(answer)).then((results) => console.log(JSON.stringify(results)));
"""


def answers(contents: Contents, asked: list[tuple[str, dict[str, Any]]], *, wasm: bool = True) -> list[Any]:
    """What the page's model answers, with or without WebAssembly."""
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    given = json.dumps({"about": contents.about, "weights": contents.packed.text(), "asked": asked, "how": {"wasm": wasm}})
    found = subprocess.run([str(NODE), "-e", script + MAIN], input=given, capture_output=True, text=True, check=True)
    result: list[Any] = json.loads(found.stdout)
    return result


def near(found: Any, wanted: Any, most: float = 1e-4) -> None:
    np.testing.assert_allclose(np.asarray(found).ravel(), np.asarray(wanted).ravel(), rtol=most, atol=most)


def mixture(dimensions: int, latent: int, components: int = 3) -> Mixture:
    generator = torch.Generator().manual_seed(1)
    factors = (0.3 * torch.randn(components, dimensions, dimensions, generator=generator)).tril(-1) + torch.eye(dimensions)
    means = torch.randn(components, dimensions, generator=generator)
    return Mixture(torch.full((components,), 1 / components).double(), means.double(), factors.double(), latent)


@pytest.fixture(scope="module", params=["quick", "quick-larsen"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A few steps on avatars, with directions, a calibration and a prior of several components."""
    folder = train(
        tmp_path_factory.mktemp("studio") / "run",
        "--recipe",
        request.param,
        data__avatars=300,
        networks__size=(16, 24),
        data__held_out=0.3,
        training__length="3 steps",
    )
    opened = Run.open(folder)
    model = opened.model()
    model.prior = mixture(4, 4)
    model.save_pretrained(opened.model_folder)
    return opened


@pytest.fixture(scope="module")
def contents(run: Run) -> Contents:
    return gather(run, examples=2, precision="float32", score=True)


def test_random_numbers_are_torchs(contents: Contents) -> None:
    cases = [(seed, count) for seed in (0, 7, 123456) for count in (1, 4, 15, 16, 21, 128, 130)]
    for (seed, count), found in zip(cases, answers(contents, [("normal", {"seed": s, "count": c}) for s, c in cases]), strict=True):
        near(found, torch.randn(count, generator=torch.Generator().manual_seed(seed)), 1e-5)


def test_samples_are_those_of_the_package(run: Run, contents: Contents) -> None:
    model = run.model()
    drawn = [one["code"] for one in answers(contents, [("draw", {"seed": seed}) for seed in range(6)])]
    for seed, code in enumerate(drawn):
        near(code, model.prior_codes(1, seed))
    decoded = answers(contents, [("decode", {"code": code}) for code in drawn])
    with torch.no_grad():
        near([one["pixels"] for one in decoded], model.decode(torch.tensor(drawn)))


def test_codes_edits_and_scores_are_those_of_the_package(run: Run, contents: Contents) -> None:
    model, images = run.model(), run.images()
    pixels = to_tensor(images.images[:3]).contiguous()
    with torch.no_grad():
        mean = model.encode(pixels).mean
    flat = [one.flatten().tolist() for one in pixels]
    near([one["code"] for one in answers(contents, [("encode", {"pixels": one}) for one in flat])], mean)

    directions = Directions.load(run.attributes_file)
    assert len(directions.names) > 3
    directions.exclusive[0, 1] = True
    contents.about["attributes"][0]["excludes"] = directions.exclusive[0].nonzero().flatten().tolist()
    codes = 3 * torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    for strengths in ({0: 1.0}, {0: 2.0, 2: -1.0}, {1: -0.5, 3: 0.25}):
        asked = [("edited", {"code": code.tolist(), "edits": {"attributes": strengths}}) for code in codes]
        near(answers(contents, asked), directions.edit(codes, {directions.names[number]: value for number, value in strengths.items()}))

    scorer = Scorer.load(run.score_file, model)
    scores = scorer.score(images.images, np.arange(3))
    _, maps = scorer.maps(pixels)
    found = answers(contents, [("score", {"pixels": one}) for one in flat])
    near([one["p"] for one in found], scores.p, 0.011)  # ranks of few images: one more or less where two are equal
    logarithms = np.log(np.stack([scores.measurements["features"], scores.measurements["map"]], 1) + LEAST)
    whole, part = ((logarithms - scorer.calibration.spread[0]) / scorer.calibration.spread[1]).T
    assert [one["isWhole"] for one in found] == (whole > part).astype(int).tolist()
    assert max(max(one["times"]) for one in found) == pytest.approx(float(scores.measurements["map"].max()), rel=1e-2)
    assert maps.shape == (3, 16, 24)


def test_browsers_without_webassembly_compute_the_same(contents: Contents) -> None:
    generator = torch.Generator().manual_seed(0)
    codes, images = torch.randn(2, 4, generator=generator).tolist(), (torch.rand(2, 3 * 16 * 24, generator=generator) * 2 - 1).tolist()
    asked: list[tuple[str, dict[str, Any]]] = [("decode", {"code": code}) for code in codes]
    asked += [(what, {"pixels": image}) for image in images for what in ("encode", "score")]
    for one, other in zip(answers(contents, asked), answers(contents, asked, wasm=False), strict=True):
        for name, value in one.items():
            near(other[name], value)


def test_principal_directions_are_as_long_as_codes_vary(contents: Contents) -> None:
    principal = contents.packed.rounded["principal"]
    _, factor = mixture(4, 4).moments()
    assert float(principal.square().sum()) == pytest.approx(float((factor @ factor.mT).trace()), rel=1e-4)
    (moved,) = answers(contents, [("edited", {"code": [0.0] * 4, "edits": {"principal": {"1": 2.0}, "dimensions": {"3": 0.5}}})])
    near(moved, 2 * principal[1] + 0.5 * torch.eye(4)[3])


@pytest.mark.parametrize("factors", [3, 1])
def test_a_conditional_model_draws_codes_that_go_with_its_attributes(factors: int, tmp_path: Path) -> None:
    flags = [f"--networks.attributes={name}" for name in ("Smiling", "Eyeglasses")]
    opened = Run.open(train(tmp_path / "run", *flags, data__avatars=60, training__length="2 steps"))
    model: VAEGAN = opened.model()
    prior = mixture(6, 4)
    model.prior = replace(prior, factors=prior.factors[:factors])
    model.save_pretrained(opened.model_folder)
    contents = gather(opened, examples=0, precision="float32")
    asked: list[list[float | None]] = [[None, None], [1.0, None], [None, -1.5], [0.5, 2.0]]
    found = answers(contents, [("draw", {"seed": 5, "conditions": one}) for one in asked])
    for one, given in zip(found, asked, strict=True):
        values = torch.tensor([[torch.nan if value is None else value for value in given]])
        near(one["code"], model.prior.draw(1, 5, values), 1e-3)
    (decoded,) = answers(contents, [("decode", {"code": [0.1, 0.2, 0.3, 0.4], "conditions": [0.5, None]})])
    with torch.no_grad():
        near(decoded["pixels"], model.decoder(torch.tensor([[0.1, 0.2, 0.3, 0.4]]), torch.tensor([[0.5, 0.0]])))


def test_rounded_weights_are_read_as_they_were_written(run: Run) -> None:
    code = [0.5, -1.0, 0.25, 2.0]
    for precision in ("float16", "int8"):
        contents = gather(run, examples=0, precision=precision)
        (decoded,) = answers(contents, [("decode", {"code": code})])
        with torch.no_grad():
            exact = run.model().decode(torch.tensor([code]))
        off = np.abs(np.ravel(decoded["pixels"]) - exact.flatten().numpy()) * 127.5
        assert 0 < off.max() < (0.5 if precision == "float16" else 8)
        assert contents.mean < 1


PHOTOS = """
const element = { classList: { toggle() {} }, addEventListener() {}, oninput() {}, focus() {}, style: {} }, elements = {}, tray = [];
const $ = (name) => (elements[name] ??= { ...element }), document = element, addEventListener = () => {};
const WIDTH = 1, HEIGHT = 1, LARGEST_PHOTO = 1;
const state = { base: {} }, stopWalk = () => {}, refresh = () => {}, hideScore = () => {}, dragged = () => {};
let choices = 0;
$("tray").children = [];
const ask = async () => ({ bitmap: { width: 1, height: 1 } });
const waiting = [], pictureOf = (pixels, label, more) => new Promise((done) => waiting.push(() => done({ label, ...more })));
const addToTray = (item) => { tray.push(item.label); };
const begin = async (item) => { choices++; addToTray(item); state.base = item; };
"""
TWO_PHOTOS = """
reduced = pixelsOf = showFraming = () => null;
const pause = () => new Promise((done) => setTimeout(done, 5));
(async () => {
  openPhoto({ name: "first" }); await pause();
  openPhoto({ name: "second" }); await pause();
  waiting.shift()(); await pause();
  waiting.shift()(); await pause();
  console.log(JSON.stringify({ shown: state.base.label, tray, framing: framing.name }));
})();
"""


def test_a_photo_opened_while_the_one_before_is_being_read_is_not_lost() -> None:
    """Both are kept in the tray; the second one is shown and can be moved."""
    script = PHOTOS + (HERE / "photo.js").read_text(encoding="utf-8") + TWO_PHOTOS
    found = subprocess.run([str(NODE), "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == {"shown": "second", "tray": ["first", "second"], "framing": "second"}
