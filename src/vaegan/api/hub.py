"""Publishing a model: push."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..data import AVATARS
from ..data.any_images import IN_MEMORY
from ..data.sources import path_name, short_name
from ..errors import UserError
from ..files import from_home
from ..hub.card import FILE, PICTURE, Table, card
from ..hub.client import PLAIN, PREFIX, REPOSITORY, library, send
from ..latent.anomaly import HELD_OUT, Scorer
from ..latent.directions import Directions
from ..models.vaegan import VAEGAN
from ..pretrained.find import is_name
from ..recipe import RECIPE, Recipe
from ..report.facts import RunImages, differences, facts
from ..report.results import metrics
from ..report.stats import Stats
from ..result import Result
from ..run import Run
from ..viz import grid
from ..words import command
from .notices import ShowProgress, Talk
from .shared import Subject, columns_of, open_run

SAMPLES = 32


@dataclass(frozen=True, repr=False)
class PushedModel(Result):
    """A model for the Hugging Face hub."""

    repository: str
    """The repository, as USER/NAME."""
    address: str | None
    """The address of the repository; null if nothing was sent."""
    uploaded: list[str]
    """The names of the files in the repository."""
    files: list[Path]
    """The files that were written on this machine."""

    def lines(self) -> list[str]:
        """Where it is, and how to use it."""
        if self.address is None:
            return ["nothing was sent"]
        return [f"the model is {self.address}", f"Anyone who may read it can use it: {command('sample', f'{PREFIX}{self.repository}')}"]


def push(
    run: Subject,
    repository: str,
    *,
    license: str | None = None,  # noqa: A002 (the hub's name)
    private: bool = False,
    out: str | Path | None = None,
    progress: ShowProgress = None,
) -> PushedModel:
    """Send a model to the Hugging Face hub, with a model card that is made of what is known of it.

    The weights, the prior, the recipe, the directions of attributes and the calibration of the score are sent. No image of the training set
    is, and no path of this machine.

    Args:
        run: a run, a model, or the path of either.
        repository: USER/NAME. It is made if it is not there.
        license: the license of the model, as the hub names licenses, such as mit.
        private: whether only you may see a repository that is made now.
        out: a folder to write the files of the repository into, instead of sending them.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: there is no model, or it cannot be sent.
    """
    if not REPOSITORY.fullmatch(repository) or "@" in repository:
        raise UserError(f"a repository of the Hugging Face hub must be USER/NAME, not {repository}")
    opened = open_run(run)
    folder = None if out is None else from_home(out)
    if folder and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists already: it is not an empty folder; choose another --out")
    if not folder:
        library()  # before the work
    with ExitStack() as stack:
        made = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        made.mkdir(parents=True, exist_ok=True)
        _write(opened, made, repository, license)
        names = sorted(path.name for path in made.iterdir())
        if folder:
            return PushedModel(repository, None, names, [folder / name for name in names])
        Talk(progress).say(f"sending {len(names)} files to {repository}")
        return PushedModel(repository, send(made, repository, private=private), names, [])


def _write(opened: Run, made: Path, repository: str, license_name: str | None) -> None:
    """Write all files of a repository."""
    model = opened.model()
    model.save_pretrained(made)
    if opened.is_run:
        (made / RECIPE).write_text(_without_paths(opened.recipe).to_yaml(documented=True), encoding="utf-8")
    if directions := Directions.load_for(opened.attributes_file, model):
        sources = {name: [plain_name(one) for one in those] for name, those in directions.sources.items()}
        about = {**directions.about, **({"sources": sources} if sources else {})}
        if data := about.get("data"):
            about["data"] = plain_name(data)
        replace(directions, about=about).save(made / opened.attributes_file.name)
    with suppress(UserError):  # there is none, or it is of other weights
        if Scorer.load(opened.score_file, model).source == HELD_OUT:  # others name a set of this machine
            shutil.copyfile(opened.score_file, made / opened.score_file.name)
    samples = f"Samples of {model.name_prior()}"
    grid.save(grid.sheet([(samples, model.sample(SAMPLES))], columns_of(SAMPLES)), made / PICTURE)
    lead, tables = _known_of(opened, model)
    (made / FILE).write_text(card(repository, lead, tables, license=license_name, samples=samples), encoding="utf-8")


def plain_name(source: str) -> str:
    """What a source of images is called where no path of this machine may stand, as `vaegan.hub.client.PLAIN` wants it."""
    if source == IN_MEMORY:
        return source
    name = short_name(source)
    return name if PLAIN.fullmatch(name) else path_name(source)


def _without_paths(recipe: Recipe) -> Recipe:
    """A recipe in which what lies on this machine is called by its name alone."""
    source, other, begun = recipe.data.source, recipe.objective.discriminator, recipe.training.init_from
    return replace(
        recipe,
        data=replace(recipe.data, source=source if source == AVATARS else plain_name(source)),
        objective=replace(recipe.objective, discriminator=Path(other).name),
        training=replace(recipe.training, init_from=begun if is_name(begun) else Path(begun).name),
    )


def _known_of(opened: Run, model: VAEGAN) -> tuple[str, list[Table]]:
    """What the report says of a run: a sentence, and tables."""
    size = " x ".join(map(str, model.architecture.size))
    if not opened.is_run:
        return f"A VAE/GAN for images of {size} pixels.", []
    known = None
    with suppress(UserError, OSError):
        known = RunImages.of(opened)
    found = facts(opened.recipe, Stats.read(opened.stats_file), known)
    rows = [[name, value] for name, value in found.rows]
    tables = [Table("What it is", "", ("", "value"), rows)]
    if measured := metrics(opened):
        about = f"{measured.about} Compare the distance of the model with that of real images, which is the least that a model can reach."
        for line in opened.metrics:
            source = str(line.get("settings", {}).get("source") or "")
            about = about.replace(source, short_name(source)) if source else about
        heads = ("metric", "model", "random halves", "real images")
        tables.append(Table("Distances", about, heads, [[name, *cells] for name, cells in measured.distances]))
        tables.append(Table("Other measures", "", ("metric", "value"), [list(row) for row in measured.others]))
    changed = [[f"`{one.key}`", one.here, one.default] for one in differences(_without_paths(opened.recipe))]
    tables.append(Table("Recipe", "The settings that differ from the defaults.", ("setting", "here", "default"), changed))
    return found.lead, tables
