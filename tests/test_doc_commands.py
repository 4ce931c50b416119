"""The commands of the README and the docs run, page by page, on tiny runs; those that are not run are named here, and why."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

import vaegan
from vaegan import Run
from vaegan.cli.flags import SHORT

from .command import works
from .doc_blocks import Command, blocks, commands
from .tiny import TINY, flags

NOT_RUN = {
    "experiment ": "hours",
    "bench": "minutes; tests/test_bench.py runs it",
    "evaluate ": "minutes, for 10,000 samples; tests/metrics runs it",
    "prepare 1 ": "a job of SLURM",
    "(join|train .*) /(shared|disk)/": "the disk of a cluster",
    "join set set/": "the shell puts in names for *",
    ".*--nodes ": "several machines",
    ".*--processes ": "several GPUs; tests/training runs processes on the CPU",
    ".*--device cuda": "a GPU",
    "push .*--license": "the Hub; tests/hub has one of its own",
    ".* hf:": "the Hub",
    ".* celeba:PATH": "CelebA, which people fetch themselves; tests/data reads a set of its form",
    "--version": "prints a number",
}
"""The beginning of a command, and what it needs."""
PYTHON = ("docs/edit.md", "docs/export.md", "docs/prior.md", "docs/scaling.md")
"""Pages whose Python runs after their commands; tests/test_doc_blocks.py says where that of the others runs."""


def reason_not_to_run(command: Command) -> str | None:
    line = " ".join(command.words)
    return next((reason for start, reason in NOT_RUN.items() if re.match(start, line)), None)


PAGES = sorted({command.page for command in commands() if not reason_not_to_run(command)})


def test_no_reason_is_left_over() -> None:
    lines = [" ".join(command.words) for command in commands()]
    assert not [start for start in NOT_RUN if not any(re.match(start, line) for line in lines)]


@pytest.fixture
def workspace(run_on_avatars: Path, run_on_photos: Path, all_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with what the pages speak of: runs, folders of images, and images."""
    monkeypatch.chdir(tmp_path)
    for name in ("RUN", "runs/avatars", "runs/faces", "runs/a", "runs/b", "runs/mine", "runs/parts"):
        shutil.copytree(run_on_avatars, name)
    for name in ("runs/photos", "runs/my-photos"):
        shutil.copytree(run_on_photos, name)
    for name in ("photos", "my-photos", "new-photos", "new-good-parts", "grey-photos", "scans", "odd"):
        shutil.copytree(all_photos, name)
    pictures = sorted(all_photos.iterdir())
    for start, name in enumerate(("glasses", "plain")):
        Path(name).mkdir()
        for picture in pictures[start::2]:
            shutil.copy(picture, name)
    names = ["a.png", "b.png", "c.png", "face.png", "glasses.png", "plain.png", "another.png", "photo.png"]
    for name, picture in zip([*names, "odd/plain 03.png", "odd/plain 12.png", "odd/half 00.png"], pictures, strict=False):
        shutil.copy(picture, name)
    for name in ("a.jpg", "b.jpg", "face.jpg", "photo.jpg"):
        Image.open(pictures[0]).convert("RGB").save(name)
    rows = [f"{picture.name},{at % 2},{at // 2 % 2},{'ab'[at % 2]}" for at, picture in enumerate(pictures)]
    Path("table.csv").write_text("\n".join(["file,Smiling,Eyeglasses,kind", *rows]))
    Path("my-own.yaml").write_text("objective:\n  gamma: 0.5\n")
    for name in ("set", "SET", "my-set"):
        works("prepare", "avatars", name, "--size", 16, "--count", 64)


def made_tiny(words: Sequence[str]) -> list[str]:
    """The same command, for tiny networks and images."""
    line = re.sub(r"--size \d+", "--size 16", " ".join(f"'{word}'" if " " in word else word for word in words))
    words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
    if words[0] == "prepare" and not {"--size", "--scan"} & {*words}:
        words += ["--size", "16"]
    if words[0] != "train":
        return ["SET" if word == "/shared/set" else word for word in words]
    if "--resume" in words:
        step = max(Run.open(words[words.index("--resume") + 1]).checkpoints)  # the run is finished
        return [*re.sub(r" --steps \d+", "", line).split(), f"--steps={step + 1}"]
    line = re.sub(r" --(minutes|steps|training\.batch) \d+", "", line)
    taken = {word.removeprefix("--").partition("=")[0] for word in line.split()}
    taken |= {key for short, key in SHORT.items() if short in taken}
    return [*line.split(), *flags(**{"data.held_out": 0.5, **dict.fromkeys(taken & TINY.keys())})]  # enough to score with


def remove_what_is_in_the_way(words: Sequence[str]) -> None:
    """Pages show several ways to make one set, one run or one export; a command refuses to replace what another made."""
    if words[0] in ("prepare", "join") and "--shard" not in words:
        shutil.rmtree(words[1 + (words[0] == "prepare")], ignore_errors=True)
    if words[0] == "export":
        shutil.rmtree(Path(words[1]) / "export", ignore_errors=True)
    if "--run" in words:
        shutil.rmtree(words[words.index("--run") + 1], ignore_errors=True)


@pytest.mark.heavy  # minutes in all
@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("page", PAGES)
def test_commands_run(page: str) -> None:
    for command in commands():
        if command.page != page or reason_not_to_run(command):
            continue
        words = made_tiny(command.words)
        remove_what_is_in_the_way(words)
        print(command)
        works(*words)
    if page in PYTHON:
        for block in blocks():
            if block.page == page and block.language == "python":
                exec(compile(block.code, page, "exec"), {"vaegan": vaegan})
