"""The benchmark of pictures: equal time, the table, and the whole of it at the smallest setting."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vaegan import Recipe, UserError

from ..command import is_picture
from ..processes import ROOT
from ..tiny import tiny

sys.path.append(str(ROOT / "benchmarks"))

import pictures
from contest.contenders import CONTENDERS, OtherProgram, OwnRecipe, find_contender
from contest.job import Job
from contest.plan import WARM_UP, Speed, Usage, corrected, epochs_of, is_near
from contest.results import Row, table


def usage(steps: int, step: float, *, start: float = 3.0, end: float = 5.0, slow: float = 1.0) -> Usage:
    """Of a training whose first steps take longer, by a clock that counts hundredths."""
    points = [(n, round(start + slow + n * step, 2)) for n in range(10, steps + 1, 10)]
    return Usage(start + slow + steps * step + end, 500.0, points)


def test_steps_in_some_seconds() -> None:
    """All that is done once counts, however short the run was that it was measured in."""
    speed = Speed.of(usage(30, 0.08), 30)
    assert speed.step == pytest.approx(0.08)
    assert speed.rest == pytest.approx(9.0)
    steps = speed.steps_in(200)
    assert steps == pytest.approx((200 - 9) / 0.08, abs=1)
    assert is_near(usage(steps, 0.08).processor_seconds, 200)
    assert speed.steps_in(5.0) == WARM_UP
    assert speed.steps_to_look_at(200) == 250
    assert Speed(2.0, 9.0).steps_to_look_at(200) == 3 * WARM_UP


def test_a_run_that_is_too_short_says_nothing_of_the_speed() -> None:
    with pytest.raises(ValueError, match="12 steps"):
        Speed.of(usage(12, 0.1), 12)


def test_a_training_that_missed_its_time_is_corrected() -> None:
    """By its own speed: here steps take a quarter longer than in the short run."""
    speed = Speed.of(usage(30, 0.08), 30)
    steps = speed.steps_in(200)
    whole = usage(steps, 0.10)
    assert not is_near(whole.processor_seconds, 200)
    better = corrected(speed, whole, steps, 200)
    assert usage(better, 0.10).processor_seconds == pytest.approx(200, abs=0.1)


@pytest.mark.parametrize(("steps", "an_epoch", "expected"), [(777, 64, (13, 60)), (10, 64, (1, 10)), (64, 64, (1, 64)), (5, 0, (5, 1))])
def test_whole_epochs(steps: int, an_epoch: int, expected: tuple[int, int]) -> None:
    assert epochs_of(steps, an_epoch) == expected


def test_what_a_process_takes(tmp_path: Path) -> None:
    stats = tmp_path / "stats.jsonl"
    code = f"""
import time
while time.process_time() < 0.3: pass
open({str(stats)!r}, "w").write('{{"step": 10}}\\n{{"step')
time.sleep(0.3)
raise SystemExit(3)
"""
    script = ROOT / "benchmarks" / "contest" / "usage.py"
    done = subprocess.run([sys.executable, "-S", script, tmp_path, stats, sys.executable, "-c", code], check=False)
    found = json.loads((tmp_path / "usage.json").read_text())
    assert done.returncode == found["exit_code"] == 3
    assert 0.3 <= found["processor_seconds"] < 2
    assert found["seconds"] > 0.6
    assert 4 < found["peak_mb"] < 100  # not that of this process
    ((step, seconds),) = found["points"]
    assert step == 10
    assert 0.25 < seconds < 2
    assert Usage.read(tmp_path) is None  # it failed


def found(frechet: float, fitted: float | None = None) -> dict[str, Any]:
    def numbers(value: float) -> dict[str, Any]:
        of_features = dict.fromkeys(("kernel_distance", "precision", "recall", "coverage", "feature_error"), 0.25)
        return {"grain": 2.0, "Eyes": {**of_features, "frechet_distance": value}}

    samples = {"N(0, I)": numbers(frechet)} | ({} if fitted is None else {"fitted": numbers(fitted)})
    return {"samples": samples, "reconstructions": numbers(frechet / 2), "processor_seconds": 200.0, "images": 4000, "peak_mb": 500.0}


def test_the_table() -> None:
    rows = [
        Row("ours", "", [found(100.0, 50.0), found(110.0, 60.0)]),
        Row("theirs", "said of theirs", [found(90.0), found(80.0)]),
        Row("broken", "", [], "it ran out of numbers"),
    ]
    floor = {"Eyes": dict.fromkeys(("frechet_distance", "kernel_distance", "precision", "recall", "coverage"), 0.5)}
    text = table(rows, floor, "What it is about.")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    samples, reconstructions = lines[:6], lines[6:]
    assert samples[0][:4] == ["samples of", "prior", "Frechet distance, Eyes", "1000 x KID, Eyes"]
    assert [line[:3] for line in samples[2:]] == [
        ["ours", "N(0, I)", "105 ± 7"],
        ["ours", "fitted", "**55.0 ± 7.1**"],
        ["theirs", "N(0, I)", "85.0 ± 7.1"],
        ["real images", "", "0.5"],
    ]
    assert samples[2][3] == "250 ± 0"  # as all others: none is the best
    assert len({len(line) for line in samples}) == len({len(line) for line in reconstructions}) == 1
    assert [line[:2] for line in reconstructions[2:]] == [["ours", "52.5 ± 3.5"], ["theirs", "**42.5 ± 3.5**"]]
    assert text.endswith("- theirs: said of theirs\n- broken: no result, it ran out of numbers\n")


def test_contenders_have_names_of_their_own() -> None:
    assert len({contender.name for contender in CONTENDERS}) == len(CONTENDERS)


def test_the_vae_has_momentum_and_quick_has_none(tmp_path: Path) -> None:
    job = Job("vae", "", "set", 0, 5, str(tmp_path))
    flags = find_contender("vae").command(job)
    assert flags[flags.index("--optimizer.betas") :][:3] == ["--optimizer.betas", "0.5", "0.99"]
    assert "--optimizer.betas" not in find_contender("quick").command(job)
    assert Recipe.load("quick").optimizer.betas == (0, 0.99)


def test_contenders_by_name(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(tiny().to_yaml())
    mine, larsen, program = find_contender(str(recipe)), find_contender("larsen-celeba"), find_contender(f"{__file__}:train")
    assert isinstance(mine, OwnRecipe)
    assert (mine.name, mine.recipe) == ("mine", str(recipe))
    assert (larsen.name, larsen.function) == ("larsen-celeba", "")
    assert isinstance(program, OtherProgram)
    assert program.name == "train"
    with pytest.raises(UserError, match=r"Did you mean quick. --contenders also takes vae, soft-intro-vae, pythae-vae"):
        find_contender("quik")
    with pytest.raises(UserError, match="does not exist"):
        find_contender("nowhere.py:train")


def benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[str, str]:
    """Run it; returns what it prints, and what it says."""
    monkeypatch.setattr(sys, "argv", ["pictures.py", *map(str, arguments)])
    capsys.readouterr()
    pictures.main()
    said = capsys.readouterr()
    return said.out, said.err


@pytest.mark.heavy  # five processes that import torch
def test_the_whole_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, out = tmp_path / "mine.yaml", tmp_path / "out"
    recipe.write_text(tiny().to_yaml())
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "pictures.md").read_text(), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(f"{example}\n\ndef fails(task):\n    raise RuntimeError(f'no way to take {{task.job.steps}} steps')\n")
    contenders = ("--contenders", recipe, f"{program}:train", f"{program}:fails")
    options = ("--avatars", 200, "--size", 16, "--out", out, "--seeds", 0, "--jobs", 2, "--extractors", "attributes", "--images", 128)
    text, said = benchmark(monkeypatch, capsys, "avatars", *contenders, *options)
    assert "mine, seed 0: 32 steps" in said
    assert "fails: no result, RuntimeError: no way to take 2 steps" in text
    assert (out / "table.md").read_text() in text
    assert is_picture(out / "sheet.png")
    results = json.loads((out / "results.json").read_text())
    (mine,), (train,) = results["contenders"]["mine"], results["contenders"]["train"]
    assert (mine["images"], train["images"], mine["steps"], train["steps"]) == (128, 128, 32, 2)
    assert results["contenders"]["fails"] == []
    for one in (mine, train):
        assert one["processor_seconds"] > 0.5
        assert one["peak_mb"] > 50
        assert np.isfinite(list(one["samples"]["N(0, I)"]["attributes"].values())).all()
        assert np.isfinite(list(one["reconstructions"]["attributes"].values())).all()
    again, said = benchmark(monkeypatch, capsys, "avatars", *contenders[:-1], *options)
    assert said == ""  # nothing is trained twice
    assert again.splitlines()[2:8] == text.splitlines()[2:8]
