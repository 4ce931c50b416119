"""How much `vaegan doctor` finds: a set of real images with planted copies, leaks and broken files.

python benchmarks/doctor.py FOLDER [--count 8000] [--seed 0] [--workers N] [--keep PLACE]

FOLDER holds image files. The first COUNT of them are copied into a temporary folder with the subfolders train and test (every tenth image).
Then these files are added, under names that say nothing:

- exact copies: 5% of the images;
- near copies: 5%, a third each resized (0.5 to 1.5 times), compressed again (JPEG, quality 30 to 85), and mirrored and compressed;
- leaks: 3 copies of test images in train, one of each kind;
- 2 broken files: one cut in half, one empty.

The program prints, for each kind, how many were found, and how many of the reported pairs were not planted. Sets of photographs hold copies
of their own: --keep PLACE keeps the set and the page, to look at those pairs. The doctor must report them of the set without the planted
files, too, and the program counts this.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
HELD_OUT_EVERY = 10
SHARE = 0.05

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


def resized(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """At another size."""
    scale = random.choice([0.5, 0.6, 0.75, 1.25, 1.5])
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if random.random() < 0.5 else Image.Resampling.BILINEAR)


def compressed(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Compressed again."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(random.integers(30, 86)))
    return Image.open(file)


def mirrored(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Mirrored, and compressed again."""
    return compressed(ImageOps.mirror(image), random)


CHANGES: dict[str, Change] = {"resized": resized, "compressed": compressed, "mirrored": mirrored}


def make(images: list[Path], folder: Path, seed: int) -> dict[str, tuple[str, str]]:
    """Make the set; for each planted file, by its name in the set, its kind and the name of what it is a copy of."""
    random = np.random.default_rng(seed)
    names = [f"{'test' if n % HELD_OUT_EVERY == 0 else 'train'}/{n:06d}{path.suffix}" for n, path in enumerate(images)]
    for part in ("train", "test"):
        (folder / part / "all").mkdir(parents=True)
    names = [name.replace("/", "/all/") for name in names]
    for path, name in zip(images, names, strict=True):
        shutil.copyfile(path, folder / name)
    planted: dict[str, tuple[str, str]] = {}
    order = random.permutation(len(images)).tolist()
    training = [n for n in order if n % HELD_OUT_EVERY]
    held_out = [n for n in order if n % HELD_OUT_EVERY == 0]

    def plant(kind: str, number: int, leak: bool = False) -> None:
        suffix = images[number].suffix if kind == "exact" else ".jpg"
        name = f"train/all/{int(random.integers(1 << 40)):012x}{suffix}"
        if kind == "exact":
            shutil.copyfile(images[number], folder / name)
        else:
            with Image.open(images[number]) as image:
                CHANGES[kind](image.convert("RGB"), random).save(folder / name, quality=90)
        planted[name] = (f"{kind}, leak" if leak else kind, names[number])

    share = round(SHARE * len(images))
    kinds = list(CHANGES)
    for number in training[:share]:
        plant("exact", number)
    for place, number in enumerate(training[share : 2 * share]):
        plant(kinds[place % len(kinds)], number)
    for kind, number in zip(("exact", "compressed", "mirrored"), held_out, strict=False):
        plant(kind, number, leak=True)
    content = images[0].read_bytes()
    for name, kept in (("train/all/cut.jpg", len(content) // 2), ("train/all/empty.jpg", 0)):
        (folder / name).write_bytes(content[:kept])
        planted[name] = ("broken", "")
    return planted


def doctor(folder: Path, page: Path, workers: int | None) -> tuple[list[dict[str, str]], float, float]:
    """The rows that the doctor writes, the seconds it took, and the seconds of processor."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [f"classes:{folder}", "--out", str(page), *(["--workers", str(workers)] if workers else [])]
    before, began = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-m", "vaegan", "doctor", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    with page.with_suffix(".csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file)), time.monotonic() - began, used


def main() -> None:
    """Make the set, check it, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    images = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in SUFFIXES)[: options.count]
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        planted = make(images, place / "set", options.seed)
        rows, seconds, processor = doctor(place / "set", place / "doctor.html", options.workers)
        for name in planted:
            (place / "set" / name).rename(place / Path(name).name)
        own, _, _ = doctor(place / "set", place / "own.html", options.workers)
    print(f"{len(images):,} images and {len(planted):,} planted files: {seconds:.0f} s, {processor:.0f} s of processor")
    report(planted, rows, own)


def report(planted: dict[str, tuple[str, str]], rows: list[dict[str, str]], own: list[dict[str, str]]) -> None:
    """Print how much of each kind was found, and how many pairs are wrong."""
    pairs = {frozenset((row["name"], row["copy_of"])): row for row in rows if row["copy_of"]}
    broken = {row["name"] for row in rows if row["finding"] == "broken"}
    of_the_set = {frozenset((row["name"], row["copy_of"])) for row in own if row["copy_of"]}
    for kind in sorted({kind for kind, _ in planted.values()}):
        names = [name for name, (its, _) in planted.items() if its == kind]
        found = [name for name in names if name in broken or frozenset((name, planted[name][1])) in pairs]
        leaks = sum(pairs.get(frozenset((name, planted[name][1])), {}).get("leak") == "1" for name in names)
        print(f"{kind:18} {len(found):4} of {len(names):4} found" + (f", {leaks} of them as leaks" if "leak" in kind else ""))
    true = {frozenset((name, of)) for name, (_, of) in planted.items()}
    others = [pair for pair in pairs if pair not in true]
    rest = [pair for pair in others if pair not in of_the_set]
    print(
        f"{len(pairs):,} pairs reported, {len(others)} not planted; {len(rest)} of these are not reported of the set without planted files"
    )
    for pair in others:
        print("  not planted:", *sorted(pair))


if __name__ == "__main__":
    main()
