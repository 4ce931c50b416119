"""What the program computes, as checksums and numbers, so that two commits can be compared.

    python benchmarks/fingerprint.py new.json                            # of this checkout
    python benchmarks/fingerprint.py old.json --source ../old-checkout   # of another one, by the same interpreter
    python benchmarks/fingerprint.py --compare old.json new.json

Everything is run by the command line in fresh processes, with one thread, on avatars: every recipe for 200 steps at a quarter of its
width and for 10 steps at its whole width (batches of 8), a packed set, and what is done with a run of `quick` (--quick-steps 2500 trains
all of it). Weights are compared tensor by tensor, pictures pixel by pixel, tables number by number. The exit code of --compare is 1 if
anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

RECIPES = ("quick", "quick-larsen", "reference", "reference-joint", "larsen-celeba", "larsen-lfw", "larsen-stl", "larsen-cifar")
TRAINING = [
    "--device=cpu",
    "--precision=32",
    "--data.avatars=400",
    "--training.batch=8",
    "--training.checkpoint_every=100000",
    "--data.crop=centre",
]
CHANGING = ("seconds", "images_per_second", "date")
"""Numbers that are never the same twice."""


def digest(content: bytes) -> str:
    """A short checksum."""
    return hashlib.sha256(content).hexdigest()[:16]


def contents(path: Path) -> Iterator[tuple[str, Any]]:
    """What a file holds, by name: tensors, pixels, lines, numbers."""
    if path.suffix == ".safetensors":
        for name, tensor in sorted(load_file(path).items()):
            yield name, digest(tensor.tobytes())
    elif path.suffix == ".png":
        yield "pixels", digest(np.asarray(Image.open(path)).tobytes())
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            yield from ((name, digest(arrays[name].tobytes())) for name in sorted(arrays.files))
    elif path.suffix == ".jsonl":
        for number, line in enumerate(path.read_text().splitlines()):
            yield from ((f"{number} {key}", value) for key, value in flat(json.loads(line)))
    elif path.suffix == ".json":
        yield from flat(json.loads(path.read_text()))
    else:
        yield "bytes", digest(path.read_bytes())


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a JSON value, by path, without what changes from run to run."""
    if isinstance(value, dict):
        for key, inner in sorted(value.items()):
            if key not in CHANGING:
                yield from flat(inner, f"{name}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flat(inner, f"{name}/{number}")
    else:
        yield name, value


class Program:
    """The command line of a checkout."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, Any] = {}
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(source / "src"),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "VAEGAN_CACHE": str(folder / "cache"),
        }

    def run(self, *arguments: object, writes: list[str]) -> None:
        """Run a command, and take down what is in the files that it writes."""
        began = time.monotonic()
        command = [sys.executable, "-m", "vaegan", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False)  # noqa: S603
        what = " ".join(map(str, arguments[:2]))
        if done.returncode:
            raise SystemExit(f"{what} ended with {done.returncode}: {done.stderr}")
        for pattern in writes:
            for path in sorted(self.folder.glob(pattern)):
                name = str(path.relative_to(self.folder))
                self.found |= {f"{name}: {key}": value for key, value in contents(path)}
        print(f"{time.monotonic() - began:6.0f} s  {what}", file=sys.stderr, flush=True)


def fingerprint(program: Program, quick_steps: int, recipes: list[str]) -> None:
    """Run everything once."""
    program.run("prepare", "avatars", "set", "--size=48", "--count=120", writes=["set/*"])
    for recipe in recipes:
        narrow = [] if recipe.startswith("quick") else ["--networks.width=0.25"]  # those of quick are narrow as they are
        for name, more in (("narrow", [*narrow, "--steps=200"]), ("wide", ["--networks.width=1", "--steps=10"])):
            run = f"{recipe}-{name}"
            program.run(
                "train", f"--recipe={recipe}", f"--run={run}", *TRAINING, *more, writes=[f"{run}/model/*.safetensors", f"{run}/stats.jsonl"]
            )
    run, images = "quick", [f"photo-{number}.png" for number in range(4)]
    pixels = np.load(program.folder / "set" / "images-00000.npy", mmap_mode="r")
    for number, name in enumerate(images):
        Image.fromarray(np.asarray(pixels[number])).save(program.folder / name)
    program.run(
        *("train", "--run=quick", "--device=cpu", "--precision=32", f"--steps={quick_steps}", "--data.avatars=2000"),
        writes=[f"{run}/model/*.safetensors", f"{run}/stats.jsonl", f"{run}/samples/*.png"],
    )
    program.run("sample", run, writes=[f"{run}/samples.png"])
    program.run("reconstruct", run, *images, writes=[f"{run}/reconstructions.png"])
    program.run("attributes", run, writes=[f"{run}/attributes.png", f"{run}/attributes.safetensors"])
    program.run("edit", run, *images, "--add", "Eyeglasses=1", "Smiling=-0.5", writes=[f"{run}/edits.png"])
    program.run("score", run, *images, writes=[f"{run}/scores.csv", f"{run}/scores.png"])
    program.run("search", run, *images, "--csv=search.csv", writes=["search.csv", f"{run}/neighbours.png"])
    program.run("search", run, "--samples=8", "--by=similarity", "--csv=copies.csv", writes=["copies.csv"])
    program.run("project", run, *images, "--steps=10", writes=[f"{run}/projection*.png"])
    program.run("interpolate", run, *images[:2], "--out=strip.png", writes=["strip.png"])
    program.run("encode", run, "set", "--out=codes.npz", writes=["codes.npz"])
    program.run("evaluate", run, "--samples=500", "--extractor=attributes", writes=[f"{run}/evaluation.*"])


def compare(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """A line for everything that differs."""
    lines = []
    for name in sorted(one.keys() | other.keys()):
        here, there = one.get(name, "nothing"), other.get(name, "nothing")
        if here != there:
            lines.append(f"{name}: {here} -> {there}")
    return lines


def main() -> None:
    """Write a fingerprint, or compare two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--quick-steps", type=int, default=200)
    parser.add_argument("--compare", nargs=2, type=Path)
    given = parser.parse_args()
    if given.compare:
        one, other = (json.loads(path.read_text()) for path in given.compare)
        lines = compare(one, other)
        print("\n".join(lines) if lines else f"{len(one):,} checksums and numbers are the same")
        raise SystemExit(bool(lines))
    if not given.out:
        parser.error("name the file to write")
    with tempfile.TemporaryDirectory() as folder:
        program = Program(given.source.resolve(), Path(folder))
        try:
            fingerprint(program, given.quick_steps, given.recipes)
        finally:
            given.out.write_text(json.dumps(program.found, indent=1))


if __name__ == "__main__":
    main()
