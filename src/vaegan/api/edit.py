"""Changing images by their codes: edit, arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from ..data import ImageSet
from ..data.any_images import AnyImages
from ..errors import UserError
from ..evenly_spaced import subsample
from ..latent.directions import Directions, How, check_strengths
from ..latent.encode import decode
from ..latent.figures import Summand, edits, sum_of, total_of
from ..latent.learn_directions import MOST, learnable
from ..latent.principal import NAME, principal_directions
from ..latent.project import project as better_codes
from ..models.vaegan import VAEGAN
from ..result import PYTHON_ONLY, Result
from ..run import Run
from ..viz.grid import to_pil
from ..words import command, spelt_as
from .attributes import learn_of_set
from .notices import MOST_ROWS, ShowProgress, Skipped, Talk
from .shared import ModelInMemory, Subject, encode_pictures, open_run, open_set, save_each

STRIP = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
"""The strengths of a strip."""
SIGNS = {"+": 1, "-": -1}


@dataclass(frozen=True, repr=False, eq=False)
class Edits(Result):
    """Images with attributes added or removed."""

    names: list[str]
    """The images, as they were named."""
    steps: list[dict[str, float]]
    """The strengths of each edit, by attribute."""
    how: How
    """How codes change: probe or mean."""
    skipped: list[Skipped]
    """Files that gave no image: name and error, the reason."""
    originals: Tensor = field(metadata=PYTHON_ONLY)
    """N x C x H x W in [-1, 1], as the model takes them."""
    codes: Tensor = field(metadata=PYTHON_ONLY)
    """N x latent, before the edits."""
    model: VAEGAN = field(metadata=PYTHON_ONLY)
    directions: Directions = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    @property
    def images(self) -> Tensor:
        """(N x steps) x C x H x W in [-1, 1]: all edits of the first image, then those of the second one, and so on."""
        with torch.inference_mode():
            columns = [decode(self.model, self.directions.edit(self.codes, step, self.how)) for step in self.steps]
        return torch.stack(columns, 1).flatten(0, 1)

    def lines(self) -> list[str]:
        """What was done."""
        return [f"{len(self.names):,} images, each edited {len(self.steps)} times by {self.how}"]

    def figure(self) -> Image:
        """A row for each of the first images."""
        first = (self.originals[:MOST_ROWS], self.codes[:MOST_ROWS])
        return edits(self.model, self.directions, *first, steps=self.steps, how=self.how)

    def pictures(self) -> list[Image]:
        """Each of `images` as a PIL image of its own size."""
        return to_pil(self.images)

    def save_each(self, folder: str | Path) -> list[Path]:
        """Write each edit as a PNG of its own size, named after its image, and of several also by its strengths."""
        words = ["".join(f"-{name}{strength:+g}" for name, strength in step.items()) if len(self.steps) > 1 else "" for step in self.steps]
        return save_each([f"{Path(name).stem}{word}.png" for name in self.names for word in words], self.images, folder)


def edit(
    run: Subject,
    images: AnyImages,
    add: Mapping[str, float],
    *,
    how: How = "probe",
    strip: bool = False,
    project: int = 0,
    directions: Directions | None = None,
    progress: ShowProgress = None,
) -> Edits:
    """Add or remove attributes of images.

    If the run has no directions of attributes yet, they are learned first (see `attributes`).

    Args:
        run: a run, a model, or the path of either. A model needs `directions`.
        images: see `vaegan.data.any_images.AnyImages`.
        add: the strength of each attribute, such as {"Eyeglasses": 1}, or of each principal direction, such as {"direction-1": 2}.
        how: see `vaegan.latent.directions`.
        strip: whether one attribute is shown at strengths from -1 to 2.
        project: steps of `project` that improve the codes first.
        directions: those of the attributes; by default those of the run.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: an attribute is unknown, an image cannot be read, or there are no directions and no images to learn them from.
    """
    talk = Talk(progress)
    if strip and len(add) > 1:
        raise UserError(f"--strip shows one attribute, not {len(add)}: give only one")
    if project < 0:
        raise UserError(f"--project must be at least 0, not {project}")
    check_strengths(add)
    opened = open_run(run)
    model = opened.model()
    names, originals, codes = encode_pictures(model, images, talk)
    if directions is None:
        directions = _directions(opened, model, add, talk)
    elif not directions.principal.names:
        directions = replace(directions, principal=principal_directions(model))
    for name in add:
        directions.require(name)
    if project:
        with talk.bar() as bar:
            codes = better_codes(model, originals, project, progress=bar).codes
    steps = [{name: strength} for name in add for strength in STRIP] if strip else [dict(add)]
    talk.how_many(len(originals))
    return Edits(names, steps, how, talk.skipped, originals, codes, model, directions)


@dataclass(frozen=True, repr=False, eq=False)
class CodeSum(Result):
    """A sum of codes, and its image."""

    expression: list[dict[str, Any]]
    """The summands: sign, 1 or -1, and names, the images whose mean code it is."""
    code: Tensor = field(metadata=PYTHON_ONLY)
    """1 x latent: the sum."""
    image: Tensor = field(metadata=PYTHON_ONLY)
    """1 x C x H x W in [-1, 1]: the image of the sum."""
    picture: Image = field(metadata=PYTHON_ONLY)
    files: list[Path] = field(default_factory=list)
    """The files that were written."""

    def lines(self) -> list[str]:
        """The sum in words."""
        return [" ".join(f"{'+' if part['sign'] > 0 else '-'} {' and '.join(part['names'])}" for part in self.expression)]

    def figure(self) -> Image:
        """The images of the sum with their signs, their reconstructions, and the image of the sum."""
        return self.picture

    def pictures(self) -> list[Image]:
        """The image of the sum as a PIL image of its own size."""
        return to_pil(self.image)


def arithmetic(run: Subject, expression: Sequence[Any], *, progress: ShowProgress = None) -> CodeSum:
    """Add and subtract the codes of images.

        vaegan.arithmetic(run, ["glasses.png", "-", "plain.png", "+", "another.png"])

    Args:
        run: a run, a model, or the path of either.
        expression: images with "+" and "-" between them; see `vaegan.data.any_images.AnyImages`. Of several without a sign between them,
            the mean code counts.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: it is no sum, or an image cannot be read.
    """
    talk = Talk(progress)
    signs, groups = _parse_sum(expression)
    model = open_run(run).model()
    found = []
    for sign, group in zip(signs, groups, strict=True):
        parts = [encode_pictures(model, one, talk) for one in group]
        names = [Path(name).name for part in parts for name in part.names]
        found.append(Summand(sign, names, torch.cat([part.images for part in parts]), torch.cat([part.codes for part in parts])))
    total = total_of(found)
    with torch.inference_mode():
        image = decode(model, total)
    return CodeSum([{"sign": part.sign, "names": part.names} for part in found], total, image, sum_of(model, found))


def _parse_sum(words: Sequence[Any]) -> tuple[list[int], list[list[Any]]]:
    """The signs and the groups of images of a sum.

    Raises:
        UserError: there is a sign without an image after it, or nothing to add.
    """
    signs, groups = [1], [[]]  # type: tuple[list[int], list[list[Any]]]
    for number, word in enumerate(words):
        sign = SIGNS.get(word) if isinstance(word, str) else None
        if sign is None:
            groups[-1].append(word)
        elif number == 0:
            signs[0] = sign
        elif groups[-1]:
            groups.append([])
            signs.append(sign)
        else:
            two = " ".join(map(str, words[number - 1 :]))
            raise UserError(f'one sign directly follows another in "{two}": leave out one')
    if not groups[-1]:
        sentence = f'an image is missing after "{words[-1]}": give one, as in a.png - b.png' if words else "there are no images to add"
        raise UserError(sentence)
    if len(groups) < 2:
        raise UserError("arithmetic needs + or - between images, with a space before and after each sign, as in a.png - b.png + c.png")
    return signs, groups


def _directions(run: Run, model: VAEGAN, add: Iterable[str], talk: Talk) -> Directions:
    """Those that were learned for this run, or new ones where there are none for its weights and some are needed.

    Raises:
        UserError: they are not there and cannot be learned. This is found out before any are learned.
    """
    none = Directions.none(model)
    wanted = []
    for name in add:
        if NAME.fullmatch(name):
            none.require(name)
        else:
            wanted.append(name)
    if not wanted:
        return none
    if isinstance(run, ModelInMemory):
        raise UserError(
            "a model in memory has no directions: give the run folder in its place, "
            "or pass directions=vaegan.attributes(model, data).directions"
        )
    known = Directions.load_for(run.attributes_file, model)
    wanted = [spelt_as(known.names if known else (), name) for name in wanted]
    if known and (known.of_attributes.names or all(name in known.names for name in wanted)):
        return known
    outdated = Directions.load(run.attributes_file) if known is None and run.attributes_file.is_file() else none
    if again := outdated.outdated(run.argument, [name for name in wanted if name in outdated.names]):
        raise UserError("; ".join(again))
    if known and not run.is_run:
        return known
    of_a_set = command("attributes", run.argument, "--data", "SET")
    if not run.is_run:
        here = f"{run.folder} is a model folder, so vaegan does not know its training images"
        what = f'the attribute "{wanted[0]}" is not learned, and {here}'
        with_table = f"learn it from a set that has a table of attributes, with: {of_a_set}"
        raise UserError(f"{what}: {with_table}; or {_without_a_table(run, none, wanted[0])}")
    return _learned_now(run, model, open_set(run, None, of_a_set, talk), wanted, known or none, talk=talk)


def _learned_now(run: Run, model: VAEGAN, images: ImageSet, wanted: list[str], known: Directions, *, talk: Talk) -> Directions:
    """The directions of the run's own attributes, and those that are known.

    Raises:
        UserError: the images are not enough for those that are wanted, or have no such attributes.
    """
    if not images.attribute_names:
        if known.names:
            return known
        raise UserError(f"the images of {run.argument} have no table of attributes: {_without_a_table(run, known, wanted[0])}")
    both = replace(known, names=(*images.attribute_names, *known.names))
    wanted = [both.names[both.index(name)] for name in wanted]
    lacking = [name for name in wanted if name not in known.names]
    training, _ = run.split(images)
    _, reasons = learnable(images.attributes_named(lacking)[subsample(training, MOST)], lacking)
    if reasons:
        raise UserError(reasons[0].replace("left out ", "cannot learn ", 1))
    path = run.attributes_file
    changed = path.is_file() and not known.names
    talk.say(
        f"the model has changed since {path} was learned: learning the directions of attributes again"
        if changed
        else f"learning the directions of attributes first; they are saved in {path}"
    )
    return learn_of_set(run, model, images, talk)


def _without_a_table(run: Run, known: Directions, name: str) -> str:
    """What makes an edit possible where there is no table of attributes."""
    pair = command("attributes", run.argument, "--with", "IMAGES", "--without", "IMAGES", "--name", name)
    ways = f'learn "{name}" from images that show it and images that do not, with: {pair}'
    if not known.principal.names:
        return ways
    return f"{ways}; or edit along a principal direction, with: {command('edit', run.argument, 'IMAGE', '--add', 'direction-1')}"
