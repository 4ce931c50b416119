"""Directions in the latent space: attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from rich.table import Table

from ..data import ImageSet
from ..data.any_images import AnyImages, any_images, source_of
from ..data.batches import Images, to_tensor
from ..errors import UserError
from ..evenly_spaced import evenly_spaced
from ..latent.directions import Directions
from ..latent.encode import encode
from ..latent.figures import attribute_sheet, edits, principal_sheet
from ..latent.learn_directions import learn_from, note_on_few, note_on_weak, uncertainty
from ..latent.learn_one import learn_one
from ..latent.principal import NAME
from ..models.vaegan import VAEGAN
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..words import command
from .notices import ShowProgress, Talk
from .shared import ModelInMemory, Subject, open_run, open_set

SHOWN = 4
"""Images that a direction of two sets is shown on."""
STRENGTHS = (-1.0, 0.5, 1.0, 1.5, 2.0)
"""How strongly."""


@dataclass(frozen=True)
class LearnedAttribute:
    """How well the direction of an attribute separates held-out images; None where there are not both kinds."""

    name: str
    with_it: int
    """The number of images with the attribute that it was learned from."""
    without_it: int
    """The number of those without it."""
    tested_with: int | None
    """The number of images with it that the numbers below are of; None if a version that did not write it learned the direction."""
    tested_without: int | None
    """The number of those without it."""
    probe_accuracy: float | None
    """The mean of the accuracy for images with the attribute and for images without it, by the probe; 0.5 is guessing."""
    probe_auc: float | None
    """The area under the ROC curve, by the probe; 0.5 is guessing."""
    mean_accuracy: float | None
    """The same as `probe_accuracy`, by the difference of means."""
    mean_auc: float | None
    """The same as `probe_auc`, by the difference of means."""
    sources: list[str] | None = None
    """The two sets of images that it was learned from, with it and without it; None for an attribute of the training images."""


@dataclass(frozen=True)
class PrincipalDirection:
    """A principal direction of the codes."""

    name: str
    share: float
    """How much of the variance of the codes it has."""


@dataclass(frozen=True, repr=False, eq=False)
class LearnedAttributes(Result):
    """The directions of attributes in the latent space."""

    rows: list[LearnedAttribute]
    """For each attribute, the best AUC first: name; with_it and without_it, the number of images with and without it that its direction was
    learned from; tested_with and tested_without, the number of images that the other numbers are of, null if an earlier version learned it;
    probe_accuracy, probe_auc, mean_accuracy and mean_auc on images that it was not learned from, null where these are all of one kind;
    sources, the two sets of images that it was learned from, null for an attribute of the training images."""
    principal: list[PrincipalDirection]
    """The widest principal directions of the codes, which edit takes, too: name; share, how much of the variance of the codes it has."""
    learned_from: int
    """The number of images that were learned from."""
    tested_on: int
    """The number of images that directions were tested on."""
    notes: list[str]
    """Attributes that were left out, and why, and what else there is to say."""
    directions: Directions = field(metadata=PYTHON_ONLY)
    """The directions, which `edit` uses."""
    picture: Image = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def table(self) -> Table:
        """The attributes, best first; where there are none, the principal directions."""
        if not self.rows:
            table = Table("direction", box=None, header_style="bold")
            table.add_column("share of the variance", justify="right")
            for one in self.principal:
                table.add_row(one.name, f"{one.share:.1%}")
            return table
        table = Table("\nattribute", box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        for column in (
            "learned:\nwith",
            "\nwithout",
            "tested:\nwith",
            "\nwithout",
            "probe:\naccuracy",
            "\nAUC",
            "mean:\naccuracy",
            "\nAUC",
        ):
            table.add_column(column, justify="right")
        for row in self.rows:
            counts = (row.with_it, row.without_it, row.tested_with, row.tested_without)
            values = (row.probe_accuracy, row.probe_auc, row.mean_accuracy, row.mean_auc)
            cells = (
                *("-" if count is None else f"{count:,}" for count in counts),
                *("-" if one is None else f"{one:.3f}" for one in values),
            )
            table.add_row(row.name, *cells)
        return table

    def lines(self) -> list[str]:
        """How to read the table."""
        if not self.rows:
            return [
                "The images have no attributes. These are principal directions, along which the codes differ most. Strength 1 is a "
                "standard deviation."
            ]
        own = {row.name: uncertainty((row.with_it, row.without_it)) for row in self.rows if row.sources}
        lines = []
        if len(own) < len(self.rows):
            lines = [f"The directions were learned from {self.learned_from:,} images and tested on {self.tested_on:,} held-out images."]
        if own:
            lines.append(
                f"{' and '.join(own)}: learned from two sets of images, and tested by cross-validation, in which each image is tested by a "
                f"direction that was learned from other images. {_off_by(own)}."
            )
        lines.append(
            "Accuracy is the mean of the accuracy for images with the attribute and for images without it. For accuracy and AUC, 0.5 is "
            "guessing."
        )
        return [" ".join(lines)]

    def figure(self) -> Image:
        """What each direction does to an image."""
        return self.picture


def attributes(
    run: Subject,
    data: AnyImages | None = None,
    *,
    with_images: AnyImages | None = None,
    without_images: AnyImages | None = None,
    name: str | None = None,
    image: AnyImages | None = None,
    on_row: Callable[[LearnedAttribute], object] | None = None,
    progress: ShowProgress = None,
) -> LearnedAttributes:
    """Learn a direction in the latent space for each attribute, and keep them in RUN/attributes.safetensors, which `edit` uses.

    With `with_images`, `without_images` and `name`, it learns one direction from two sets of images, and keeps it beside the others; see
    `vaegan.latent.learn_one`. If the run's images have no attributes, the result has the principal directions of the codes.

    Args:
        run: a run, a model, or the path of either. A model needs `data`, or two sets of images.
        data: a set with attributes; by default the set that the run was trained on.
        with_images: images that have something; see `vaegan.data.any_images.AnyImages`. A path may also be what `vaegan train --data`
            takes.
        without_images: likewise, images that do not have it.
        name: of the direction that is learned from these.
        image: the image to show the directions on; by default a held-out image without the attribute for each.
        on_row: called with each of `rows`, at the end: the directions are learned together.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: the named set has no attributes; no attribute has enough examples; or there are too few images.
    """
    talk = Talk(progress)
    pair = {"--with": with_images, "--without": without_images, "--name": name}
    missing = [flag for flag, value in pair.items() if value is None]
    if 0 < len(missing) < len(pair):
        present = next(flag for flag in pair if flag not in missing)
        raise UserError(f"{present} needs {' and '.join(missing)}")
    if data is not None and not missing:
        raise UserError("--data and --with were both given: leave out one")
    opened = open_run(run)
    model = opened.model()
    model.require("encoder")
    pixels = any_images(image, model.preparation).pixels[:1] if image is not None else None
    if name is not None:
        found = _attribute_of_pair(opened, model, name, (with_images, without_images), pixels=pixels, talk=talk)
    else:
        found = _attributes_of_set(opened, model, data, pixels, talk)
    if note := note_on_weak({row.name: row.probe_auc for row in found.rows}):
        talk.note(note)
    if on_row:
        for row in found.rows:
            on_row(row)
    return found


def _attributes_of_set(run: Run, model: VAEGAN, data: AnyImages | None, pixels: NDArray[Any] | None, talk: Talk) -> LearnedAttributes:
    """All directions of a set, or what there is where the run's own set has no attributes."""
    images = open_set(run, data, "--data", talk)
    training, held_out = run.split(images)
    indices = np.concatenate([held_out[:], training[:]])  # of few that are held out, all may have an attribute
    if data is None and not images.attribute_names:
        return _without_attributes(run, model, images.images[indices[:1]] if pixels is None else pixels, talk)
    directions = learn_of_set(run, model, images, talk, None if data is None else source_of(data))
    if note := note_on_few(directions.of_attributes):
        talk.note(note)
    picture = attribute_sheet(model, directions.of_attributes, images, indices, pixels)
    about = directions.about
    return LearnedAttributes(
        _rows_of(directions), _principal_of(directions), about["learned_from"], about["tried_on"], talk.notes, directions, picture
    )


def _attribute_of_pair(
    run: Run, model: VAEGAN, name: str, images: tuple[Any, Any], *, pixels: NDArray[Any] | None, talk: Talk
) -> LearnedAttributes:
    """One direction, learned from images with something and without it."""
    if not name:
        raise UserError("--name is empty: give the attribute a name with --name")
    if name.startswith("-") or set(name) & set("=/\\") or NAME.fullmatch(name):
        raise UserError(
            f'--name cannot be "{name}": a name must not begin with "-", must not look like direction-1, and must not hold "=", "/" or "\\"'
        )
    memory = isinstance(run, ModelInMemory)
    known = None if memory else Directions.load_for(run.attributes_file, model)
    if known and name in known.of_attributes.names:
        raise UserError(f'the run has an attribute named "{name}" already: choose another --name')
    parts = [_named_images(run, one, flag, talk) for one, flag in zip(images, ("--with", "--without"), strict=True)]
    sources = list(map(source_of, images))
    with talk.bar() as bar:
        directions, notes = learn_one(model, name, *parts, sources=sources, progress=bar)
    for note in notes:
        talk.note(note)
    (row,) = _rows_of(directions)
    shown = parts[1][evenly_spaced(parts[1].shape[0], SHOWN)] if pixels is None else pixels
    originals = to_tensor(shown)
    steps = [{name: strength} for strength in STRENGTHS]
    picture = edits(model, directions, originals, encode(model, shown).mean, steps=steps, how="probe")
    count = row.with_it + row.without_it
    if not memory:
        directions = _store(run, directions, talk)
    return LearnedAttributes([row], _principal_of(directions), count, count, talk.notes, directions, picture)


def _named_images(run: Run, images: AnyImages, flag: str, talk: Talk) -> Images:
    """Images of any size that a person named, or that a program has."""
    if not isinstance(images, (str, Path, ImageSet)):
        return any_images(images, run.preparation, talk.skip).pixels
    found = open_set(run, images, flag, talk)
    talk.skipped_of(found)
    return found.images


def _without_attributes(run: Run, model: VAEGAN, pixels: NDArray[Any], talk: Talk) -> LearnedAttributes:
    """What there is where the images of a run have no attributes: directions that were learned from two sets before, and principal ones."""
    known = Directions.load_for(run.attributes_file, model)
    directions = known or Directions.none(model)
    if not directions.principal.names:
        raise UserError(
            f"the images of {run.argument} have no attributes, and there is no fitted prior to find principal directions in: "
            f"fit the prior with: {command('fit-prior', run.argument)}"
        )
    way_out = command("attributes", run.argument, "--with", "IMAGES", "--without", "IMAGES", "--name", "NAME")
    talk.note(
        f"the images have no table of attributes: learn one attribute from images that show it and images that do not, with: {way_out}"
    )
    if known is None and run.attributes_file.is_file():
        for note in Directions.load(run.attributes_file).outdated(run.argument):
            talk.note(note)
    picture = principal_sheet(model, directions, pixels)
    return LearnedAttributes(_rows_of(directions), _principal_of(directions), 0, 0, talk.notes, directions, picture)


def _off_by(errors: Mapping[str, float]) -> str:
    """How far the accuracy of each of some attributes may be off."""
    return f"The measured accuracy may be wrong by {' and '.join(f'{error:.2f} for {name}' for name, error in errors.items())}"


def _rows_of(directions: Directions) -> list[LearnedAttribute]:
    about = directions.about
    if not directions.names:
        return []
    lists = (about["counts"], about.get("tested", [None] * len(directions.names)), about["probe"], about["mean"])
    rows = [
        replace(LearnedAttribute(name, *counts, *(tested or (None, None)), *probe, *mean), sources=directions.sources.get(name))
        for name, counts, tested, probe, mean in zip(directions.names, *lists, strict=True)
    ]
    return sorted(rows, key=lambda row: -(row.probe_auc or 0))


def _principal_of(directions: Directions) -> list[PrincipalDirection]:
    return [
        PrincipalDirection(name, share)
        for name, share in zip(directions.principal.names, directions.principal.shares.tolist(), strict=True)
    ]


def learn_of_set(run: Run, model: VAEGAN, images: ImageSet, talk: Talk, data: str | None = None) -> Directions:
    """Learn the directions of a set's attributes, and keep them in the run; `data` is the set's name if it is not the run's own."""
    with talk.bar() as bar:
        directions, notes = learn_from(model, images, *run.split(images), bar)
    for note in notes:
        talk.note(note)
    directions = replace(directions, about={**directions.about, "data": data})
    return directions if isinstance(run, ModelInMemory) else _store(run, directions, talk)


def _store(run: Run, directions: Directions, talk: Talk) -> Directions:
    """Keep directions in the run; returns all that it has now."""
    stored, notes = directions.store(run.attributes_file, run.argument)
    for note in notes:
        talk.note(note)
    return stored
