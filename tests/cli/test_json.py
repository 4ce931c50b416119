"""With --json, each command prints JSON and nothing else, also where some of its inputs are broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vaegan.bench import benchmark
from vaegan.cli import run
from vaegan.cli.commands import COMMANDS
from vaegan.experiments.page import ExperimentResult

from ..command import works
from ..json_page import SPREAD, classes_of
from ..tiny import flags

COMMAND_LINES = {
    "prepare": "IMAGES OUT --size 16 --workers 1",
    "prepare --scan": "IMAGES --scan --workers 1",
    "join": "OUT PART",
    "data": "IMAGES --size 16",
    "doctor": "IMAGES --size 16 --workers 1",
    "train": "--data IMAGES --run OUT TINY",
    "fit-prior": "RUN --device cpu",
    "recipes": "",
    "recipes NAME": "quick",
    "bench": "--device cpu --sizes 16 --batches 2 --seconds 0.001 --networks.width 0.0625 --networks.latent 4",
    "runs": "FOLDER",
    "compare": "RUN RUN --out OUT",
    "demo": "",
    "push": "RUN somebody/faces --out OUT",
    "sample": "RUN --count 3 --outdir OUT",
    "reconstruct": "RUN IMAGES --outdir OUT",
    "walk": "RUN --seconds 0.2 --fps 10 --tiles 1x1",
    "convergence": "RUN",
    "report": "RUN",
    "studio": "RUN --examples 2",
    "export": "RUN --out OUT",
    "attributes": "RUN",
    "edit": "RUN IMAGES --add Beard=1 --outdir OUT",
    "interpolate": "RUN IMAGES --steps 2",
    "arithmetic": "RUN GOOD - GOOD",
    "project": "RUN IMAGES --steps 1",
    "encode": "RUN IMAGES",
    "evaluate": "RUN --extractor none --samples 20 --device cpu",
    "score": "RUN IMAGES BROKEN",
    "search": "RUN IMAGES",
    "search --samples": "RUN --samples 2 --count 1",
    "experiment": "features --device cpu --out OUT",
}
"""IMAGES is a folder with a broken file among its images, BROKEN is such a file, PART is a packed part, and RUN is a run on avatars."""
PARTLY = {"score"}
"""Commands that end with 2 where an input is broken."""
LINES = {"runs": 1, "score": 8, "search": 10, "project": 3, "encode": 8, "reconstruct": 8, "attributes": 3}
"""The commands with --jsonl, and at least so many lines."""


@pytest.fixture(scope="module")
def images(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed") / "images"
    folder.mkdir()
    for path in sorted(all_photos.iterdir())[:8]:
        shutil.copy(path, folder)
    (folder / "broken.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def printed(avatars_run: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command line; returns what it printed on standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vaegan.experiments.features.features", lambda *_, **__: ExperimentResult([], []))
    monkeypatch.setattr(benchmark, "MOST_IMAGES", 16)
    names = {"RUN": avatars_run, "FOLDER": avatars_run.parent, "IMAGES": images, "OUT": tmp_path / "out", "PART": tmp_path / "part"}
    names |= {"GOOD": images / "photo 00.png", "BROKEN": images / "broken.png"}

    def do(name: str, *more: str) -> str:
        words = [str(names.get(word, word)) for word in COMMAND_LINES[name].split()]
        if "TINY" in words:
            words[words.index("TINY") :] = [*flags(data__avatars=None, training__length="2 steps"), "--no-report"]
        if "PART" in COMMAND_LINES[name]:
            works("prepare", images, names["PART"], "--size", 16, "--workers", 1, "--shard", "1/1")
        capsys.readouterr()
        try:
            run([name.split(maxsplit=1)[0], *words, *more])
        except SystemExit as exit_:
            assert exit_.code == (2 if name in PARTLY else 0)  # noqa: PT017
        return capsys.readouterr().out

    return do


def test_each_command_is_here() -> None:
    assert {name.split()[0] for name in COMMAND_LINES} == {one.name for one in COMMANDS}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_json_and_nothing_else(name: str, printed: Any, tmp_path: Path) -> None:
    found = json.loads(printed(name, "--json"), parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    if name == "runs":
        assert found[0]["state"] == "finished"
        return
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    titles = [f"`vaegan {name.split(maxsplit=1)[0]}`", f"`vaegan {name}`"]
    parts = [part for part in page.split("\n## ") if any(title in part.splitlines()[0] for title in titles)]
    documented = [{line.split("`")[1] for line in part.splitlines() if line.startswith("| `")} for part in parts]
    spread = set(SPREAD["machine"]) if name == "bench" else set()
    assert found.keys() - spread in [names - spread for names in documented]
    assert all(Path(path).exists() for path in found.get("files", []))
    if "IMAGES" in COMMAND_LINES[name] and "skipped" in found:
        assert [one["error"] for one in found["skipped"]] == ["not an image"]
    if "--outdir" in COMMAND_LINES[name]:
        single = sorted((tmp_path / "out").iterdir())
        assert len(single) == {"sample": 3, "reconstruct": 8, "edit": 8}[name]
        for path in single:
            with Image.open(path) as image:
                assert image.size == (16, 16)
        if name != "sample":
            assert single[0].name == "photo 00.png"


@pytest.mark.parametrize("name", LINES)
def test_a_line_for_each_row(name: str, printed: Any) -> None:
    rows = [json.loads(line) for line in printed(name, "--jsonl").splitlines()]
    assert len(rows) >= LINES[name]
    assert len({frozenset(row) for row in rows}) == 1, "all rows have the same names"


def test_score_names_files_as_they_were_named(printed: Any, images: Path) -> None:
    rows = json.loads(printed("score", "--json"))["rows"]
    assert [Path(row["name"]).exists() for row in rows] == [True] * 10
    assert [row["error"] for row in rows if row["name"] == str(images / "broken.png")] == ["not an image"] * 2
    assert all(0 < row["p"] <= 1 for row in rows if row["error"] is None)


def test_results_are_of_named_classes() -> None:
    import vaegan

    for one in COMMANDS:
        for kind in classes_of(getattr(vaegan, one.name.replace("-", "_"))):
            assert issubclass(kind, vaegan.Result)
