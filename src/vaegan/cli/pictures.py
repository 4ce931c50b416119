"""What a trained model makes: sample, reconstruct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..errors import UserError
from .app import app, err, wrote


@app.command
def sample(
    run: Path,
    /,
    *,
    out: Path | None = None,
    count: int = 64,
    seed: int = 0,
    told: Annotated[list[str] | None, Parameter(name="--set", negative="", consume_multiple=True)] = None,
) -> None:
    """Draw images of the prior.

    Parameters
    ----------
    run
        A run folder or a model folder.
    out
        The picture to write; RUN/samples.png by default.
    count
        How many images.
    seed
        Another seed, other images.
    told
        Of a conditional model, attributes of the images, as in Smiling=1 Eyeglasses=0, in the values of the set; the others are not told.
    """
    import torch

    from .. import pictures
    from ..model import load

    if count < 1:
        raise UserError(f"--count must be above 0, not {count}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed must be at least 0 and below 2^63, not {seed}")
    model = load(run)
    attributes = None if told is None else model.attributes(dict(map(_setting, told))).expand(count, -1)
    with torch.inference_mode():
        images = model.sample(count, seed=seed, attributes=attributes)
    caption = ", ".join([f"samples of the prior, seed {seed}", *(told or [])])
    wrote(pictures.save(pictures.sheet([(caption, images)], _columns(count)), out or run / "samples.png"))


def _setting(text: str) -> tuple[str, float]:
    """A name and a number out of "Smiling=1"."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise UserError(f"--set takes attributes as NAME=NUMBER, such as Smiling=1, not {text}") from None


@app.command
def reconstruct(run: Path, images: Annotated[list[Path], Parameter(negative="", json_list=False)], /, *, out: Path | None = None) -> None:
    """Show images above their reconstructions.

    Parameters
    ----------
    run
        A run folder or a model folder.
    images
        Image files, or folders or archives of them.
    out
        The picture to write; RUN/reconstructions.png by default.
    """
    import torch

    from .. import pictures
    from ..data.batches import to_tensor
    from ..data.given import read_given
    from ..model import load

    model = load(run)
    _, pixels = read_given(images, model.preparation, lambda name, reason: err.print(f"skipped {name}: {reason}", soft_wrap=True))
    originals = to_tensor(pixels)
    with torch.inference_mode():
        reconstructions = model.reconstruct(originals)
    columns = _columns(len(originals))
    pairs = pictures.pair_rows(originals, reconstructions, columns)
    wrote(pictures.save(pictures.sheet([("each above its reconstruction", pairs)], columns), out or run / "reconstructions.png"))


def _columns(count: int) -> int:
    """Columns of a sheet that is wider than high, and without a gap in its last row if that can be."""
    wanted = round((1.6 * count) ** 0.5)
    even = [columns for columns in range(wanted, min(2 * wanted, 16) + 1) if count % columns == 0]
    return count if count <= 6 else even[0] if even else min(16, wanted)
