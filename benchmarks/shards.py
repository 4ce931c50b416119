"""Whether a set that is packed in parts, by processes that are killed, and joined, is the set that is packed at once.

    python benchmarks/shards.py [--kills 40] [--parts 4] [--images 1200] [--folder DIR]

packs small pictures, some of them damaged, with random splits and a table of attributes: once undisturbed, and then in parts, two at a time
on this machine. Each process gets SIGKILL at a random moment of the time that it needs, and the same command is run again; so is the one
that joins the parts. Whenever a set is joined, it is compared with the one that was packed at once, and another is begun, until there were
so many kills. Printed is what was going on at each of them, and what differs: the exit code is 1 if anything does.

At the end, shuffled batches of images of 64x64 are read from sets packed at once and from the same in 16 parts, in turns, from memory. A
ratio of 1 says that both are as fast. The time is that of the processor, so that others on the machine do not count. Linux only.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # numpy and torch look at it when they are imported

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from vaegan.data import ImageSet, dataset, join, split
from vaegan.data.batches import Batches
from vaegan.data.images import Preparation
from vaegan.data.shard import Shard
from vaegan.data.sources.base import Item, Refused
from vaegan.data.writer import PROGRESS, UNFINISHED, Writer
from vaegan.training.device import keep_freed_memory

SIDE = 24
PER_FILE = 150
COMMAND = f"""
import sys
from vaegan.data import dataset, writer
from vaegan.cli import run
dataset.LARGEST_SHARD = dataset.HEADER + {PER_FILE} * {SIDE} * {SIDE} * 3
writer.TASK_BYTES, writer.SAVE_EVERY = 16 * {SIDE} * {SIDE} * 3, 0.0
run(sys.argv[1:])
"""
"""`vaegan` with small files and tasks, that saves as often as it can."""
AT_ONCE = 2
STARTING = 0.2  # of the kills, while a process starts
SPEED_IMAGES, SPEED_PARTS, SPEED_SIDE = 40_000, 16, 64
ROUNDS, SECONDS = 9, 0.4


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """Run the command."""
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end, which must be a good one."""
    _, error = process.communicate()
    if process.returncode:
        sys.exit(f"a process ended with {process.returncode}: {error.decode()}")


def make_pictures(folder: Path, count: int) -> list[object]:
    """Pictures, every fiftieth one damaged, and a table of attributes; returns the arguments that prepare them."""
    numbers = np.random.default_rng(0)
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(count):
        path = photos / f"{number:05}.png"
        if number % 50 == 7:
            path.write_bytes(b"damaged")
        else:
            Image.fromarray(numbers.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    (folder / "table.csv").write_text("file,Even\n" + "".join(f"{number:05}.png,{number % 2}\n" for number in range(count // 2)))
    return ["--size", SIDE, "--splits", 0.8, 0.1, 0.1, "--attributes", folder / "table.csv"]


def wrote_after(folder: Path, moment: float) -> bool:
    """Whether there is a file in a folder that was written after a moment."""
    with suppress(OSError):
        return any(path.stat().st_mtime > moment for path in folder.iterdir())
    return False


class Packing:
    """A process that packs a part, and when it is to be killed: while it starts, or some time after it has begun to write."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, shard: Shard) -> None:
        self.process, self.folder, self.shard = process, folder, shard
        self.began, self.wrote = time.time(), 0.0
        """By the clock that files have; 0 as long as nothing was written."""

    def look(self) -> None:
        """See whether it writes."""
        progress = self.folder / UNFINISHED / PROGRESS
        with suppress(OSError):
            if not self.wrote and progress.stat().st_mtime > self.began:
                self.wrote = time.time()

    def state(self) -> str:
        """How far it is."""
        if ImageSet.is_set(self.folder):
            return "when the part was done"
        if (self.folder / "items-00000.csv").exists():
            return "while files were moved up"
        return "while it packed" if self.wrote else "while it started"


class Killer:
    """Kills processes at random moments, and keeps count."""

    def __init__(self, kills: int, seed: int) -> None:
        self.left, self.chance, self.met = kills, random.Random(seed), Counter[str]()
        self.seconds = 0.5  # from the first thing that a process has written to its end

    def pack(self, photos: Path, folders: list[Path], options: list[object]) -> None:
        """Pack all parts, some at a time."""
        waiting = [(folder, Shard(number, len(folders))) for number, folder in enumerate(folders, 1)]
        self.chance.shuffle(waiting)
        running: list[tuple[Packing, float, float]] = []
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                folder, shard = waiting.pop()
                process = start("prepare", photos, folder, "--shard", shard, "--workers", self.chance.choice([1, 1, 2]), *options)
                early = self.chance.uniform(0, 2) if self.chance.random() < STARTING else 600
                running.append((Packing(process, folder, shard), early, self.chance.uniform(0, 1.2) * self.seconds))
            for packing, early, late in list(running):
                packing.look()
                now = time.time()
                if packing.process.poll() is not None:
                    running.remove((packing, early, late))
                    finish(packing.process)
                    self.seconds = 0.5 * (self.seconds + now - packing.wrote) if packing.wrote else self.seconds
                elif self.left and (now - packing.began > early or (packing.wrote and now - packing.wrote > late)):
                    running.remove((packing, early, late))
                    self.kill(packing.process, packing.state)
                    waiting.append((packing.folder, packing.shard))
            time.sleep(0.001)

    def join(self, out: Path, folders: list[Path]) -> None:
        """Join the parts: half of the processes are killed when they have begun to write."""
        while True:
            process, began, killed = start("join", out, *folders), time.time(), self.left and self.chance.random() < 0.5
            late = self.chance.uniform(0, 0.02)
            while process.poll() is None and not (killed and wrote_after(out, began)):
                time.sleep(0.0005)
            if process.poll() is not None:
                finish(process)
                return
            time.sleep(late)
            self.kill(process, lambda: "when the set was joined" if ImageSet.is_set(out) else "while it joined")

    def kill(self, process: subprocess.Popen[bytes], what: Callable[[], str]) -> None:
        """Kill a process."""
        process.kill()
        process.communicate()
        if process.returncode:  # else it was done before
            self.left -= 1
            self.met[what()] += 1


def differing(joined: ImageSet, plain: ImageSet) -> list[str]:
    """In what a set is not the one that was packed at once."""
    files = {path.name for path in joined.folder.iterdir()} - {"parts.json"}
    wanted = {path.name for path in plain.folder.iterdir() if not dataset.is_of_images(path.name)}
    bad = [name for name in files | wanted if name not in files & wanted]
    bad += [name for name in files & wanted if (joined.folder / name).read_bytes() != (plain.folder / name).read_bytes()]
    bad += [name for name, _, good in joined.verify() if not good]
    bad += [] if np.array_equal(joined.images[:], plain.images[:]) else ["images"]
    bad += [] if np.array_equal(joined.attributes, plain.attributes, equal_nan=True) else ["attributes"]
    return bad + [what for what in ("names", "identity", "annotated_identity") if getattr(joined, what) != getattr(plain, what)]


def torture(folder: Path, kills: int, parts: int, images: int) -> bool:
    """Kill, join and compare; says whether all was the same."""
    options = make_pictures(folder, images)
    finish(start("prepare", folder / "photos", folder / "plain", "--workers", 1, *options))
    plain, killer, sets, good = ImageSet.open(folder / "plain"), Killer(kills, seed=0), 0, True
    while killer.left > 0 or not sets:
        out = folder / f"set-{sets}"
        places = [out / f"part-{number}" for number in range(1, parts + 1)]
        killer.pack(folder / "photos", places, options)
        killer.join(folder / f"joined-{sets}", places)
        bad = differing(ImageSet.open(folder / f"joined-{sets}"), plain)
        print(f"set {sets}: " + (f"differs in {', '.join(bad)}" if bad else "the same bytes"), flush=True)
        sets, good = sets + 1, good and not bad
    print(
        f"{killer.met.total()} kills, {len(plain):,} images in {parts} parts: " + ", ".join(f"{n} {what}" for what, n in killer.met.items())
    )
    return good


def make_set(folder: Path, wanted: range, shard: Shard | None = None) -> Path:
    """A packed set of images of random pixels, which repeat."""
    preparation = Preparation((SPEED_SIDE, SPEED_SIDE), 3, "none")
    block = np.random.default_rng(0).integers(0, 256, (1000, *preparation.shape), dtype=np.uint8)
    made_from = {"source": "shards.py", "listing": "", "fractions": None} | ({"shard": str(shard)} if shard else {})
    with Writer(folder, {"made_from": made_from, "preparation": preparation.as_dict()}, preparation.shape, ()) as writer:
        for start in range(wanted.start, wanted.stop, len(block)):
            numbers = range(start, min(start + len(block), wanted.stop))
            items = [Item(str(number), Refused("")) for number in numbers]
            writer.add(items, block[[number % 997 for number in numbers]], [""] * len(items))
        writer.finish(None, [])
    return folder


def speed(folder: Path, per_file: int | None) -> None:
    """Print batches a second of a set and of the same in parts."""
    most = dataset.LARGEST_SHARD
    if per_file:
        dataset.LARGEST_SHARD = dataset.HEADER + per_file * SPEED_SIDE * SPEED_SIDE * 3
    plain = ImageSet.open(make_set(folder / "plain", range(SPEED_IMAGES)))
    shards = [Shard(number, SPEED_PARTS) for number in range(1, SPEED_PARTS + 1)]
    places = [make_set(folder / f"part-{shard.number}", shard.of(SPEED_IMAGES), shard) for shard in shards]
    joined = join(folder / "set", places, progress=lambda *_: None)
    dataset.LARGEST_SHARD = most
    for batch in (64, 256):
        sets = {"plain": plain, "joined": joined}
        batches = {name: Batches(images.images, split(images, 0)[0], batch, seed=0) for name, images in sets.items()}
        steps = dict.fromkeys(batches, 0)
        rates: dict[str, list[float]] = {name: [] for name in batches}
        for step in range(batches["plain"].steps_per_epoch):  # so that every page has been seen once
            assert np.array_equal(batches["plain"].pixels(step), batches["joined"].pixels(step))
        for _ in range(ROUNDS):
            for name, one in batches.items():
                first, start = steps[name], time.process_time()
                while time.process_time() - start < SECONDS:
                    one.pixels(steps[name])
                    steps[name] += 1
                rates[name].append((steps[name] - first) / (time.process_time() - start))
        ratio = np.median(np.array(rates["joined"]) / np.array(rates["plain"]))
        sizes = f"{len(plain.images.files)} files at once, {len(joined.images.files)} in {SPEED_PARTS} parts"
        at_once, in_parts = (np.median(rates[name]) for name in ("plain", "joined"))
        print(f"batches of {batch} from {sizes}: {at_once:,.0f} and {in_parts:,.0f} a second, ratio {ratio:.2f}")


def main(kills: int, parts: int, images: int, folder: Path) -> None:
    """Print what was found."""
    keep_freed_memory()  # as training does
    made = Path(tempfile.mkdtemp(prefix="vaegan-shards-", dir=folder))
    try:
        good = torture(made / "torture", kills, parts, images) if kills else True
        for per_file in (None, 400):
            speed(made / f"speed-{per_file}", per_file)
            shutil.rmtree(made / f"speed-{per_file}")
    finally:
        shutil.rmtree(made)
    sys.exit(not good)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Whether parts that were packed by killed processes, and joined, are the set packed at once."
    )
    parser.add_argument("--kills", type=int, default=40, help="how often a process is killed (default: %(default)s)")
    parser.add_argument("--parts", type=int, default=4, help="parts of a set (default: %(default)s)")
    parser.add_argument("--images", type=int, default=1200, help="pictures of a set (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where there is 1.5 GB (default: %(default)s)")
    arguments = parser.parse_args()
    main(arguments.kills, arguments.parts, arguments.images, arguments.folder)
