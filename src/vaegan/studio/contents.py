"""What a studio page holds: the networks, the prior, directions to move codes along, and some images to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..data import ImageSet
from ..errors import UserError
from ..evenly_spaced import subsample
from ..latent.anomaly import COMBINED, Scorer
from ..latent.directions import Directions
from ..latent.principal import principal_directions
from ..models.base import Discriminator
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..report.facts import RunImages, facts
from ..report.pictures import embed_exactly
from ..report.stats import Stats
from ..run import Run
from ..viz.channels import three_channels
from ..words import command, quoted
from .learned import directions_of, scorer_of
from .program import Program, run, trace
from .weights import Packed, Precision

MOST_FLOAT16 = 8_000_000
"""Bytes of the networks' weights as float16, above which int8 is the default."""
CHECKED = 64
"""Samples that the rounded networks are compared on."""


@dataclass
class Contents:
    """Everything that the page's script is given."""

    about: dict[str, Any]
    """As JSON has it."""
    packed: Packed
    precision: Precision
    largest: float = 0.0
    """Of the differences between the page's pictures and the model's, in levels of 255."""
    mean: float = 0.0
    notes: list[str] = field(default_factory=list)


class Maps(nn.Module):
    """The feature maps of all levels of a discriminator."""

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images: Tensor) -> list[Tensor]:
        """N x C x H x W -> N x F x h x w for each level."""
        return self.discriminator.all_maps(images)


def gather(
    opened: Run,
    *,
    examples: int,
    precision: Precision | None = None,
    score: bool = False,
    images: ImageSet | None = None,
    learn: bool = True,
    most: int | None = None,
    remote: bool = False,
    progress: Progress = lambda *_: None,
) -> Contents:
    """Collect what the page of a run or a model holds.

    Args:
        opened: the run or model folder.
        examples: held-out images in the page, at most.
        precision: of the networks' weights; by default float16, and int8 for large networks.
        score: whether the page says how unusual an image is, which takes the discriminator.
        images, learn, most: see `vaegan.studio.page.write_page`.
        remote: whether a server runs the networks, which are then not in the page.
        progress: called as the work goes on.

    Raises:
        UserError: a page cannot run the networks, or show their images; or they are too large.
    """
    model = opened.model()
    architecture, notes = model.architecture, list[str]()
    if architecture.channels not in (1, 3):
        raise UserError(f"the model has {architecture.channels} channels, and a page can show only images of 1 or 3 channels")
    known = _images(opened, images, notes)
    programs = {} if remote else _programs(model, score)
    names = set(programs) or {"decoder", "encoder"} - set(model.untrained)
    numbers = sum(tensor.numel() for program in programs.values() for tensor in program.tensors.values())
    if most is not None and numbers > most:
        way_out = f"write it anyway with: {command('studio', opened.argument)}"
        raise UserError(f"the networks have {numbers:,} parameters, so the page would be large: {way_out}")
    if precision is None:
        precision = "float16" if 2 * numbers <= MOST_FLOAT16 else "int8"
    packed = Packed()
    for program in programs.values():
        packed.add(program.tensors, precision)
    named = opened.argument if isinstance(opened.argument, str) else _path_in_page(opened.folder.resolve())
    about: dict[str, Any] = {
        "name": opened.folder.resolve().name,
        "folder": named,
        "quoted": quoted(named),
        "size": list(architecture.size),
        "channels": architecture.channels,
        "latent": architecture.latent,
        "precision": precision,
        "remote": remote,
        "programs": {name: programs[name].as_dict() if name in programs else {} for name in sorted(names)},
        "lead": facts(opened.recipe, Stats.read(opened.stats_file), known).lead if opened.is_run else "",
        "prior": _prior(model, packed),
        "principal": _principal(model, packed),
        "attributes": _attributes(_directions(opened, model, known, notes, progress if learn else None), packed),
        "conditions": _conditions(model),
        "examples": _examples(known, examples) if "encoder" in names else [],
        "score": _score(_scorer(opened, model, known, notes, progress), packed) if score else None,
    }
    has_attributes = known is not None and bool(known.images.attribute_names) and "encoder" in names
    about["unlearned"] = not (learn or about["attributes"]) and has_attributes
    contents = Contents(about, packed, precision, notes=list(dict.fromkeys(notes)))
    if programs:
        contents.largest, contents.mean = _differences(model, programs["decoder"], packed)
    about["weights"] = packed.index
    return contents


def _path_in_page(folder: Path) -> str:
    """A run as commands in the page name it: without a person's folders, and never as the name of a packaged model."""
    return f"runs/{folder.name}" if folder.parent.name == "runs" else f"./{folder.name}"


def _images(opened: Run, images: ImageSet | None, notes: list[str]) -> RunImages | None:
    """The images of the run, if they are at hand."""
    try:
        return RunImages.of(opened, images) if opened.is_run else None
    except (UserError, OSError) as error:
        notes.append(f"the page has no held-out images to begin with: {error}")
        return None


def _programs(model: VAEGAN, score: bool) -> dict[str, Program]:
    """What the networks compute."""
    a = model.architecture
    code, image = torch.zeros(1, a.latent), torch.zeros(1, a.channels, *a.size)
    conditions = (torch.zeros(1, len(a.attributes)),) if model.conditional else ()
    programs = {"decoder": trace(model.decoder, (code, *conditions), "decoder.")}
    if "encoder" not in model.untrained:
        programs["encoder"] = trace(model.encoder, (image, *conditions), "encoder.")
    if score:
        model.require("encoder")
        model.require("discriminator")
        programs["maps"] = trace(Maps(model.discriminator).eval(), (image,), "maps.")
    return programs


def _prior(model: VAEGAN, packed: Packed) -> dict[str, Any] | None:
    """The fitted prior: lower triangles of its factors, row by row."""
    prior = model.prior
    if prior is None:
        return None
    dimensions = prior.means.shape[1]
    rows, columns = torch.tril_indices(dimensions, dimensions).unbind()
    tensors = {"prior.weights": prior.weights, "prior.means": prior.means, "prior.factors": prior.factors[:, rows, columns]}
    packed.add(tensors, "float32")
    return {"components": len(prior), "dimensions": dimensions}


def _principal(model: VAEGAN, packed: Packed) -> list[float]:
    """The widest directions of the codes, as long as their standard deviation; returns their shares of the variance."""
    vectors, shares = principal_directions(model)
    if len(vectors):
        packed.add({"principal": vectors}, "float32")
    return shares.tolist()


def _attributes(directions: Directions | None, packed: Packed) -> list[dict[str, Any]]:
    """The directions of attributes."""
    if directions is None:
        return []
    names = ("vectors", "lengths", "probes", "offsets")
    packed.add({f"attributes.{name}": getattr(directions, name) for name in names}, "float32")
    return [
        {
            "name": name,
            "auc": directions.about["probe"][number][1],
            "excludes": directions.exclusive[number].nonzero().flatten().tolist(),
        }
        for number, name in enumerate(directions.names)
    ]


def _directions(opened: Run, model: VAEGAN, known: RunImages | None, notes: list[str], progress: Progress | None) -> Directions | None:
    """Those that the run has learned, or learns now; a note says why there are none."""
    try:
        directions, more = directions_of(opened, model, known, progress)
    except UserError as error:
        notes.append(f"the page has no sliders for attributes: {error}")
        return None
    notes.extend(more)
    return directions


def _conditions(model: VAEGAN) -> list[dict[str, Any]]:
    """The attributes that a conditional model takes."""
    if not model.conditional:
        return []
    names = model.architecture.attributes
    numbers = zip(names, model.attribute_mean.tolist(), model.attribute_scale.tolist(), strict=True)
    return [{"name": name, "mean": mean, "scale": scale} for name, mean, scale in numbers]


def _examples(known: RunImages | None, count: int) -> list[dict[str, str]]:
    """Some held-out images, evenly spaced."""
    if known is None or count < 1 or not len(known.held_out):
        return []
    indices = np.sort(subsample(known.held_out, count))
    names, pixels = known.images.names, three_channels(known.images.images[indices])
    return [
        {"name": names[index].rpartition("/")[2], "uri": embed_exactly(Image.fromarray(image)).uri}
        for index, image in zip(indices.tolist(), pixels, strict=True)
    ]


def _scorer(opened: Run, model: VAEGAN, known: RunImages | None, notes: list[str], progress: Progress) -> Scorer:
    """The calibration of the score; made now, where there is none, or one on the run's held-out images for other weights.

    Raises:
        UserError: there is none, and there are no images to make one with; or it is on other images, and for other weights.
    """
    scorer, more = scorer_of(opened, model, known, progress)
    notes.extend(more)
    if scorer is None:
        calibrate = command("score", opened.argument, "IMAGES", "--calibrate", "SET")
        what = f"the score of {opened.argument} is not calibrated, and the images that the model was trained on are not on this machine"
        raise UserError(f"{what}: leave out --score, or calibrate the score on a set of normal images, with: {calibrate}")
    return scorer


def _score(scorer: Scorer, packed: Packed) -> dict[str, Any]:
    """The calibration of the score."""
    calibration = scorer.calibration
    features = calibration.fitted["features"]
    arrays = {
        "score.limit": calibration.limit,
        "score.spread": calibration.spread,
        "score.mean": features.mean,
        "score.scale": features.scale,
        "score.ranked": scorer.ranked,
    }
    assert COMBINED == ("features", "map")
    packed.add({name: torch.from_numpy(array) for name, array in arrays.items()}, "float32")
    packed.add({"score.whitening": torch.from_numpy(features.whitening)}, "float16")
    return {"level": scorer.model.discriminator.levels.index(scorer.level)}


def _differences(model: VAEGAN, decoder: Program, packed: Packed) -> tuple[float, float]:
    """How far the page's pictures of some samples are from the model's: the largest and the mean difference, in levels of 255."""
    codes = model.prior_codes(CHECKED, seed=0)
    inputs: Sequence[Tensor] = (codes, torch.zeros(CHECKED, len(model.architecture.attributes))) if model.conditional else (codes,)
    with torch.inference_mode():
        exact = model.decoder(*inputs)
        (rounded,) = run(decoder, inputs, packed.rounded)
    off = (rounded.clamp(-1, 1) - exact.clamp(-1, 1)).abs() * 127.5
    return float(off.max()), float(off.mean())
