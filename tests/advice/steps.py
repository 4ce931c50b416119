"""Steps into a mistake and out of it."""

from __future__ import annotations

import errno
import html
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any

import pillow_heif
import pytest
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from PIL import Image

from vaegan import UserError, train
from vaegan.cli import run
from vaegan.experiments.ablation import asked
from vaegan.experiments.experiment import Experiment
from vaegan.experiments.page import ExperimentResult
from vaegan.files import locked
from vaegan.latent.directions import Directions
from vaegan.run import load
from vaegan.training.device import World as Processes
from vaegan.training.health import SIGNS

from ..command import works
from ..tiny import tiny
from ..training.test_health import Spoilt
from .case import World


def without_held_out(world: World) -> None:
    change(world, "held_out: 0.5", "held_out: 0")


def change(world: World, old: str, new: str) -> None:
    """Another setting in the run's recipe."""
    path = world["RUN"] / "recipe.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def interrupted(world: World) -> None:
    """Two runs after the photos: the first one is not finished, the second one is."""
    photos = world["PHOTOS"]
    for name, steps in ((photos.name, 9), (f"{photos.name}-2", 2)):
        shutil.copytree(world["RUN"], folder := world.folder / "runs" / name)
        for file, old in (("recipe.yaml", "length: 2 steps"), ("stats.jsonl", '"steps": 2')):
            path = folder / file
            path.write_text(path.read_text().replace(old, old.replace("2", str(steps))))


def without_checkpoints(world: World) -> None:
    """As where it was killed before its first one: there is no model either."""
    for name in ("checkpoints", "model"):
        shutil.rmtree(world["RUN"] / name)


def one_more(world: World) -> None:
    """In OUT, a set with one image more than the run was trained on."""
    photos = shutil.copytree(world["PHOTOS"], world.folder / "more")
    shutil.copy(world["PHOTO"], photos / "z.png")
    works("prepare", photos, world["OUT"], "--size", 16, "--workers", 1)


def one_less(world: World) -> None:
    """In OUT, a set without one of the images that the run was trained on."""
    photos = shutil.copytree(world["PHOTOS"], world.folder / "less")
    sorted(photos.iterdir())[0].unlink()
    works("prepare", photos, world["OUT"], "--size", 16, "--workers", 1)


def one_other(world: World) -> None:
    """In OUT, a set in which one of the images that the run was trained on is another one."""
    photos = shutil.copytree(world["PHOTOS"], world.folder / "other")
    first, second, *_ = sorted(photos.iterdir())
    shutil.copy(second, first)
    works("prepare", photos, world["OUT"], "--size", 16, "--workers", 1)


def on_plain_photos(world: World) -> None:
    """The run was trained on images without attributes."""
    change(world, f"source: {world['PACKED']}", f"source: {world['PHOTOS']}")


def two_folders(world: World) -> None:
    """Half of the photos are in ONE, the others in OTHER."""
    for name, files in zip(("ONE", "OTHER"), (sorted(world["PHOTOS"].iterdir())[half::2] for half in (0, 1)), strict=True):
        world.places[name] = world.folder / name.lower()
        world[name].mkdir()
        for path in files:
            shutil.copy(path, world[name])


def from_two_folders(world: World) -> None:
    """Follow the advice with one folder after --with, and the other after --without."""
    if "ONE" not in world.places:
        two_folders(world)
    run(world.line(world.said.replace("IMAGES", "ONE", 1).replace("IMAGES", "OTHER", 1)))


def other_weights(world: World) -> None:
    """As if the run had been trained on since its directions were learned."""
    path = world["RUN"] / "attributes.safetensors"
    directions = Directions.load(path)
    directions.about["weights"] = "other"
    directions.save(path)


def learned(flags: str) -> Any:
    """Directions were learned in this way, and then the run was trained on."""

    def do(world: World) -> None:
        two_folders(world)
        works(*world.line("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1"))
        works(*world.line(f"attributes RUN {flags}"))
        other_weights(world)

    return do


def spoilt(world: World) -> None:
    """The weights of the run are NaN."""
    model = load(world["RUN"])
    torch.nn.init.constant_(model.get_parameter("decoder.image.weight"), float("nan"))
    model.save_pretrained(world["MODEL"])


def without_prior(world: World) -> None:
    (world["RUN"] / "model" / "prior.safetensors").unlink()


def stopped_early(world: World) -> None:
    """The run was interrupted after 2 of 3 steps."""
    without_prior(world)
    change(world, "length: 2 steps", "length: 3 steps")
    path = world["RUN"] / "stats.jsonl"
    path.write_text(path.read_text().replace('"steps": 2', '"steps": 3'))


def damage(name: str) -> Any:
    def do(world: World) -> None:
        for path in world["RUN"].glob(name):
            path.write_bytes(b"damaged")

    return do


def both(*steps: Callable[[World], object]) -> Any:
    def do(world: World) -> None:
        for step in steps:
            step(world)

    return do


def patched(name: str, value: Any) -> Any:
    return lambda world: world.patch.setattr(name, value)


def given(data: Any) -> Any:
    """A program trains on its own images."""
    return lambda world: train(tiny(), world["NEW-RUN"], data=data, device="cpu", progress=False)


def with_a_copy(world: World) -> None:
    shutil.copytree(world["PHOTOS"], world["OUT"])
    shutil.copy(world["PHOTO"], world["OUT"] / "again.png")


def healed(world: World) -> None:
    world.patch.undo()
    world.patch.chdir(world.folder)


def no_home(world: World) -> None:
    world.patch.delenv("VAEGAN_CACHE", raising=False)
    world.patch.delenv("XDG_CACHE_HOME", raising=False)
    world.patch.setenv("HOME", "/dev/null")


def another_cache(world: World) -> None:
    world.patch.setenv("VAEGAN_CACHE", str(world.folder / "cache"))


def without_heic(world: World) -> None:
    """Photos of a phone, and nothing that reads them."""
    pillow_heif.register_heif_opener()
    world.places["PHOTOS"] = world.folder / "phone"
    world["PHOTOS"].mkdir()
    for number in range(9):
        Image.new("RGB", (64, 48)).save(world["PHOTOS"] / f"{number}.heic", "HEIF")
    world.patch.setattr("vaegan.data.formats.readable", lambda: ("JPEG", "PNG"))


def full_disk(world: World) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.patch.setattr("vaegan.data.writer.Writer.finish", fail)
    world.do("prepare PHOTOS SET --size 16 --workers 1")
    healed(world)


def moved(world: World) -> None:
    """The run was trained on images that are somewhere else now."""
    change(world, f"source: {world['PACKED']}", f"source: {world.folder / 'gone'}")


def no_processes(world: World) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BrokenProcessPool

    world.patch.setattr("vaegan.data.workers.ProcessPoolExecutor.submit", fail)


def ffmpeg_fails(world: World) -> None:
    program = world.folder / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o700)
    world.patch.setattr(shutil, "which", lambda _: str(program))


def no_display(world: World) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        world.patch.delenv(name, raising=False)


def no_ffmpeg(world: World) -> None:
    world.patch.setattr(shutil, "which", lambda _: None)
    world.patch.setitem(sys.modules, "imageio_ffmpeg", None)


def keeps_anything(world: World) -> None:
    """A stand-in for ffmpeg."""
    program = world.folder / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(0o700)
    world.patch.setattr(shutil, "which", lambda _: str(program))


def busy(line: str) -> Any:
    """Run a line while another process holds the run."""

    def do(world: World) -> None:
        with locked(world["RUN"] / ".lock"):
            run(world.line(line))

    return do


def without_directions(world: World) -> None:
    (world["RUN"] / "attributes.safetensors").unlink()


def not_finite(times: int) -> Any:
    return lambda world: Spoilt(world.patch, "decoder", 2, times)


def too_large(world: World) -> None:
    world.patch.setattr("vaegan.viz.video.GIF_BYTES", 1)
    keeps_anything(world)


def started_by_fabric(world: World) -> None:
    def fabric(**_: Any) -> None:
        raise ValueError("set through the CLI")

    world.patch.setattr("vaegan.training.device.Fabric", fabric)


def started_by_torchrun(world: World) -> None:
    two = Processes(2, 1, LightningEnvironment())
    for name in ("begin", "workflow"):
        world.patch.setattr(f"vaegan.{name}.find_world", lambda *_: two)


def out_of_memory(world: World) -> None:
    def measure(setting: Any, *_: Any) -> None:
        if setting.recipe.training.batch > 4:
            raise torch.OutOfMemoryError
        raise UserError("it fits")

    world.patch.setattr("vaegan.bench.benchmark._measure", measure)
    world.patch.setattr("vaegan.bench.benchmark.random_images", lambda *_: None)


def it_fits(world: World) -> None:
    with pytest.raises(SystemExit):
        run(["bench", "--batches", "4", "--sizes", "16"])
    assert "it fits" in world.capsys.readouterr().err


def of_size_24(world: World) -> None:
    works(*world.line("prepare PHOTOS OUT --size 24 --workers 1"))


def experiment(name: str, **settings: Any) -> Any:
    """Begin an experiment, which makes its folder or refuses one."""
    return lambda world: Experiment(name, world["OUT"], tiny(data__source=str(world["PACKED"]), **settings), device="cpu")


def another_experiment(world: World) -> None:
    """In OUT, as if it had trained runs."""
    experiment("other", networks__width=0.125)(world)
    (world["OUT"] / "runs" / "a-0").mkdir(parents=True)
    shutil.copy(world["OUT"] / "recipe.yaml", world["OUT"] / "runs" / "a-0")


def requiring(held_out: float, source: str = "PACKED") -> Any:
    def do(world: World) -> None:
        recipe = tiny(data__source=str(world[source]), data__held_out=held_out)
        Experiment("samples", world.folder / f"{source} {held_out}", recipe, device="cpu").require(held_out=20)

    return do


def no_work(world: World) -> None:
    """Experiments do nothing but begin."""
    for name in ("samples.samples", "features.features"):
        world.patch.setattr(f"vaegan.experiments.{name}", lambda *_, **__: ExperimentResult([], []))


def varied(*vary: str) -> Any:
    return lambda _: asked(vary, tiny(), alone=False)


def notes_on_copies(_: World) -> None:
    from vaegan.metrics.memorization import COPIES
    from vaegan.metrics.tables import _notes_on_copies

    value: Any = SimpleNamespace(text=COPIES, table="copies")
    found: Any = SimpleNamespace(settings={"fitted_prior": True}, values=[value])
    print(*_notes_on_copies(found), sep="\n")


def warnings(_: World) -> None:
    from vaegan.settings import ObjectiveSettings

    for sign in SIGNS.values():
        print(sign.advice_for(ObjectiveSettings()))


def page_of_a_comparison(world: World) -> None:
    """Its command stands at its foot."""
    works("compare", world["RUN"], world["GAN"], "--out", world["OUT"] / "page.html")
    print(html.unescape(*re.findall("<code>(vaegan compare .*?)</code>", (world["OUT"] / "page.html").read_text())))


OUT = "choose another --out"
ONE = "--samples 20 --extractor none --device cpu"
WALK = "walk RUN --seconds 0.1 --tiles 1x1"
NOT_FINITE = "train TINY --data PACKED --run NEW-RUN --gate.no-enabled --training.on_nan"
EXPERIMENT = "--device cpu --steps 1 --training.batch 4 --networks.width 0.0625"
