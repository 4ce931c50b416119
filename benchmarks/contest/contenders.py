"""All contenders, by name. A new one is a recipe, or a function of another file and a line in `CONTENDERS`."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vaegan import Recipe, UserError
from vaegan.errors import with_way_out

from .job import HELD_OUT, LOG_EVERY, Job

BENCHMARKS = Path(__file__).resolve().parents[1]


class Contender(Protocol):
    """Something that trains an autoencoder on a packed set."""

    @property
    def name(self) -> str:
        """What it is called in the table."""

    @property
    def note(self) -> str:
        """What a reader must know of its row."""

    @property
    def function(self) -> str:
        """See `Job.function`; empty for a recipe."""

    def batch(self, images: str) -> int:
        """Images a step, on the packed set in this folder."""

    def command(self, job: Job) -> list[str]:
        """The command that trains it, whole."""

    def depends_on(self, images: str) -> Any:
        """All that makes it what it is, as JSON has it."""

    def missing(self) -> str:
        """The command that installs what it needs and this machine has not, or nothing."""


@dataclass(frozen=True)
class OwnRecipe:
    """A recipe of this package: the whole command `vaegan train`."""

    name: str
    recipe: str
    """Its name or file."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that go over it, by dotted name."""
    note: str = ""
    function = ""

    def load(self, images: str) -> Recipe:
        """All settings, with size and preparation of the packed set.

        Raises:
            UserError: there is no such recipe.
        """
        return Recipe.load(self.recipe, {**self.changes, "data.source": images})

    def batch(self, images: str) -> int:
        """That of the recipe."""
        return self.load(images).training.batch

    def command(self, job: Job) -> list[str]:
        """`vaegan train` on one thread."""
        settings = {
            **self.changes,
            "data.source": job.images,
            "data.held_out": HELD_OUT,
            "training.length": f"{job.steps} steps",
            "training.seed": job.seed,
            "training.threads": 1,
            "training.log_every": LOG_EVERY,
        }
        flags = [flag for name, value in settings.items() for flag in _flag(name, value)]
        return [sys.executable, "-m", "vaegan", "train", "--recipe", self.recipe, "--run", str(job.run), "--device", "cpu", *flags]

    def depends_on(self, images: str) -> Any:
        """All its settings but those that the benchmark decides."""
        decided = ("data.", "training.seed", "training.threads", "training.length", "training.log_every")
        return {name: value for name, value in self.load(images).flat().items() if not name.startswith(decided)}

    def missing(self) -> str:
        """Nothing."""
        return ""


def _flag(name: str, value: Any) -> list[str]:
    """A setting on the command line."""
    return [f"--{name}", *map(str, value)] if isinstance(value, tuple) else [f"--{name}={value}"]


@dataclass(frozen=True)
class OtherProgram:
    """A function that trains the networks of recipe `quick` in another way; see contest/train.py."""

    name: str
    function: str
    """MODULE:FUNCTION, or FILE.py:FUNCTION."""
    images_a_step: int = 64
    note: str = ""
    packages: tuple[str, ...] = ()
    """Packages that it imports; the first one brings the others."""

    def batch(self, images: str) -> int:  # noqa: ARG002
        """Its own."""
        return self.images_a_step

    def command(self, job: Job) -> list[str]:
        """A Python process that calls the function."""
        return [sys.executable, "-m", "contest.train", job.folder]

    def depends_on(self, images: str) -> Any:
        """The text of its file, and the networks that it is given."""
        where = self.function.rpartition(":")[0]
        file = Path(where) if where.endswith(".py") else BENCHMARKS.joinpath(*where.split(".")).with_suffix(".py")
        networks = OwnRecipe("quick", "quick").load(images).networks
        return [self.function, self.images_a_step, hashlib.sha256(file.read_bytes()).hexdigest(), repr(networks)]

    def missing(self) -> str:
        """The first of its packages, where one is not installed."""
        return f"pip install {self.packages[0]}" if any(importlib.util.find_spec(name) is None for name in self.packages) else ""


PACKAGES = ("pythae", "pydantic", "imageio", "cloudpickle")
PYTHAE = "pythae 0.1.2 as its users run it (its trainer, its loader, float32), with the networks of quick; its own mixture of 10 Gaussians"
CONTENDERS: tuple[Contender, ...] = (
    OwnRecipe("quick-larsen", "quick-larsen", note="the recipe quick of version 0.1"),
    OwnRecipe("quick", "quick"),
    OwnRecipe(
        "vae",
        "quick",
        {"objective.kind": "vae", "objective.kl_weight": 0.001, "optimizer.betas": (0.5, 0.99)},
        note="recipe quick with the error of pixels, no discriminator, a KL weight of 0.001, and momentum 0.5",
    ),
    OwnRecipe("reference", "reference", note="the paper's networks, at the size of this set"),
    OtherProgram(
        "soft-intro-vae",
        "contest.soft_intro:train",
        32,
        note="Soft-IntroVAE (Daniel and Tamar 2021) with the authors' settings for CIFAR-10, and the encoder and decoder of quick; float32",
    ),
    OtherProgram("pythae-vae", "contest.pythae_models:vae", 100, note=PYTHAE, packages=PACKAGES),
    OtherProgram(
        "pythae-vaegan",
        "contest.pythae_models:vaegan",
        100,
        note=f"{PYTHAE}; the sign of its decoder's adversarial term is inverted by its trainer",
        packages=PACKAGES,
    ),
    OtherProgram("pythae-rae", "contest.pythae_models:rae", 100, note=f"RAE_L2; {PYTHAE}", packages=PACKAGES),
    OtherProgram("pythae-wae", "contest.pythae_models:wae", 100, note=f"WAE_MMD; {PYTHAE}", packages=PACKAGES),
)


def find_contender(name: str) -> Contender:
    """A contender by name; any other name is that of a recipe or its file, or FILE.py:FUNCTION.

    Raises:
        UserError: there is no such contender, or it needs a package that is not installed.
    """
    for contender in CONTENDERS:
        if contender.name == name:
            if way_out := contender.missing():
                raise UserError(f"contender {name} needs a package that is not installed: {way_out}")
            return contender
    if ".py:" in name:
        file, _, function = name.rpartition(":")
        if not Path(file).is_file():
            raise UserError(f"the file {file} does not exist: check its path")
        return OtherProgram(function, f"{Path(file).resolve()}:{function}")
    try:
        Recipe.load(name)
    except UserError as error:
        others = ", ".join(one.name for one in CONTENDERS if not (isinstance(one, OwnRecipe) and one.recipe == one.name))
        raise UserError(with_way_out(str(error), f"--contenders also takes {others}")) from None
    return OwnRecipe(Path(name).stem, str(Path(name).resolve()) if Path(name).is_file() else name)


def installed() -> list[str]:
    """The names of all contenders that this machine can train."""
    return [contender.name for contender in CONTENDERS if not contender.missing()]
