"""Runs side by side: what differs, on one page that is whole and harmless, and in tables."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

import vaegan
from vaegan import UserError
from vaegan.report.compare import MOST, RunComparison

from ..command import fails, works
from .test_page import Page, write_run


def write_two(tmp_path: Path) -> list[Path]:
    """Two runs that differ in a setting, a loss and a metric."""
    one, other = write_run(tmp_path / "one"), write_run(tmp_path / "other", steps=30)
    recipe = (other / "recipe.yaml").read_text()
    (other / "recipe.yaml").write_text(re.sub(r"(\n  latent: )\d+", r"\g<1>9", recipe))
    (other / "stats.jsonl").write_text((other / "stats.jsonl").read_text().replace('"pixel": 0.2', '"pixel": 0.75'))
    (one / "metrics.jsonl").write_text('{"psnr": 21.5, "psnr_standard_error": 3.25}\n')
    return [one, other]


def test_a_page(tmp_path: Path) -> None:
    runs = write_two(tmp_path)
    path = Path(vaegan.compare(runs))
    assert path == tmp_path / "comparison.html"
    page = Page(path)
    text = " ".join(page.text.split())
    for words in (
        "one and other",
        "networks.latent 4 9",
        "State no checkpoint no checkpoint",
        "PSNR 21.5",
        "Not evaluated yet: other.",
        f"vaegan compare {runs[0]} {runs[1]}",
    ):
        assert words.replace(" ", "") in text.replace(" ", ""), words
    assert "3.25" not in text
    assert "objective.gamma" not in text, "it is the same"
    assert len(page.all("img")) == 2, "the newest picture of each"
    labels = [svg["aria-label"] or "" for svg in page.all("svg") if svg.get("role") == "img"]
    (pixels,) = [label for label in labels if label.startswith("Pixel error.")]
    assert "one: from 0.2 at step 10" in pixels
    assert "other: from 0.75 at step 10" in pixels
    assert not list(tmp_path.glob("*.partial"))


def test_the_page_asks_nothing_of_others_and_what_files_say_does_nothing(tmp_path: Path) -> None:
    one, other = write_two(tmp_path)
    evil = tmp_path / "<script>alert(1)<\N{FRACTION SLASH}script>"
    shutil.move(other, evil)
    page = Page(Path(vaegan.compare([one, evil])))
    policy = next(meta["content"] or "" for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert len(page.all("script")) == 1
    for _, attributes in page.tags:
        for name in ("src", "href"):
            assert re.match(r"data:|#|$", attributes.get(name) or ""), attributes
        assert "style" not in attributes
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all((link["href"] or "")[1:] in identities for link in page.all("a"))
    assert all(meta.get("http-equiv") != "refresh" for meta in page.all("meta"))


def test_damaged_runs_are_compared_as_far_as_they_can_be(tmp_path: Path) -> None:
    one, other = write_two(tmp_path)
    (other / "recipe.yaml").write_text("objective: {gama: 1}\n")
    (other / "samples" / "step-000030.png").write_bytes(b"no picture")
    (one / "stats.jsonl").write_text("{")
    text = " ".join(Page(Path(vaegan.compare([one, other]))).text.split())
    assert f"{other / 'recipe.yaml'} cannot be read." in text
    assert f"{one / 'stats.jsonl'} cannot be read." in text
    assert "other after step 20" in text
    shutil.rmtree(other / "samples")
    assert "other no picture that can be read" in " ".join(Page(Path(vaegan.compare([one, other]))).text.split())


def test_runs_of_one_name_are_called_by_their_paths(tmp_path: Path) -> None:
    one, other = write_two(tmp_path)
    same = Path(shutil.copytree(one, tmp_path / "more" / "one"))
    assert RunComparison.of([one, other, same]).names == [str(one), "other", str(same)]


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one, other = write_two(tmp_path)
    with pytest.raises(UserError, match=f"compare needs 2 to {MOST} runs, not 1"):
        vaegan.compare([one])
    with pytest.raises(UserError, match="does not exist"):
        vaegan.compare([one, tmp_path / "gone"])
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").touch()
    with pytest.raises(UserError, match="is not a run folder"):
        vaegan.compare([one, model])
    with pytest.raises(UserError, match="this is a folder"):
        vaegan.compare([one, other], tmp_path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.cli.overview.stdout", Console(width=120))
    works("compare", *write_two(tmp_path), "--out", tmp_path / "page.html")
    out = capsys.readouterr().out
    assert out.endswith(f"wrote {tmp_path / 'page.html'}\n")
    assert re.search(r"networks\.latent +4 +9 *\n", out)
    assert re.search(r"PSNR +21\.5", out)
    assert "compare needs 2 to 8 runs, not 1" in fails(capsys, "compare", tmp_path / "one")
