"""Charts of what training wrote down, and a table of the same."""

from __future__ import annotations

from dataclasses import dataclass

from ..recipe import Recipe
from ..settings import NETWORKS, ObjectiveSettings
from .charts import Chart, Series, chart, number
from .pictures import thinned
from .stats import Stats, is_number

STEPS = 12
"""Steps in the table of figures; of more, some evenly spaced ones are taken."""


_HALF = "Half the squared error of reconstructions, summed over pixels"
_SIMILARITY = "Error of reconstructions in the discriminator’s features"
_RISES = "The features change while the discriminator learns, so this curve can rise although the reconstructions get better"
LEVELS = (
    f"{_SIMILARITY}, in standard deviations of the features, as a mean over levels. It is 0 for the image itself, and about 2 for "
    f"another image. {_RISES}."
)
RELATIVE = (
    "The squared distance between a reconstruction and its image in the discriminator’s features, divided by the distance between two "
    "different images. 0 is a perfect reconstruction. 1 means that the reconstruction is no nearer to its image than a different image is. "
    "It is measured on the images whose reconstructions are drawn during training. It does not depend on the scale of the features."
)
ABSOLUTE = f"{_SIMILARITY}. {_RISES}: larger features have larger errors. Compare the pictures and the pixel error instead."
"""How to read the learned similarity: of `levels`, of one level beside the distance of another image, and of one level as the loss."""


@dataclass(frozen=True)
class Panel:
    """A chart under its title, with a sentence on how to read it."""

    title: str
    about: str
    chart: Chart


def panels(stats: Stats, recipe: Recipe | None) -> list[Panel]:
    """The charts of everything that was written down, the well-known ones first."""
    objective = recipe.objective if recipe else ObjectiveSettings()
    left = {name: stats.series(name) for name in stats.names if name not in _idle(objective)}
    found = []

    def add(title: str, about: str, series: list[Series], bounds: tuple[float, ...] = (), unit: str = "") -> None:
        if drawn := chart(series, bounds, unit):
            found.append(Panel(title, about, drawn))

    def take(*names: str, factor: float = 1.0) -> list[Series]:
        called = {"decoder_steps": "decoder", "discriminator_steps": "discriminator"}
        return [stats.series(name, called.get(name, name), factor) for name in names if left.pop(name, None)]

    prior = "KL divergence of the posteriors from N(0, I), in nats. It measures how much the codes say about their images."
    add("Prior", prior, take("prior"))
    relative = objective.similarity == "levels"
    if objective.kind == "vae":
        how = "Error of reconstructions, in standard deviations of the pixels" if relative else _HALF
        add("Reconstruction", f"{how}. Lower is better.", take("similarity"))
    add("Learned similarity, relative to another image", RELATIVE, take("relative_similarity"))
    add("Learned similarity", LEVELS if relative else ABSOLUTE, take("similarity"))
    watched = "" if objective.kind == "vae" else " Training does not minimise it."
    add("Pixel error", f"Mean squared error of reconstructions, for pixels in [−1, 1].{watched}", take("pixel"))
    bounds, about_gate = _gate(recipe)
    loss = "loss" if objective.has_cross_entropy else f"{objective.gan_loss.replace('_', ' ')} loss"
    unit = ", in nats. Guessing has 0.69" if objective.has_cross_entropy else ""
    add(
        "Discriminator’s costs",
        f"The discriminator’s {loss} for real images and for samples{unit}.{about_gate}",
        take("real", "fake"),
        bounds,
    )
    shares = take("decoder_steps", "discriminator_steps", factor=100)
    add("Gate", "The share of all steps that updated the decoder, and the share that updated the discriminator.", shares, unit="%")
    add("Learning rate", "The base learning rate. Each network multiplies it by a factor of its own.", take("lr"))
    add("Speed", "Images per second, without the time for pictures and checkpoints.", take("images_per_second"))
    if "gamma" in left and len(set(left["gamma"].values)) == 1:
        del left["gamma"]  # the recipe says it
    add(
        "Gamma",
        "The weight of the learned similarity in the decoder’s objective. The GAN has the weight 1 − gamma. With a higher gamma, the "
        "decoder learns more from reconstructions and less from the GAN.",
        take("gamma"),
    )
    for network in NETWORKS:
        length = f"The norm of the {network}’s gradient before clipping, as a mean over the steps that the network took."
        add(f"Gradient of the {network}", length, take(f"{network}_gradient"))
    for name in list(left):
        add(name.replace("_", " ").capitalize(), "The value in stats.jsonl.", take(name))
    return found


def _idle(objective: ObjectiveSettings) -> set[str]:
    """What is always 0, or means nothing, of an objective that lacks a part."""
    idle = {f"{network}_gradient" for network in NETWORKS if network not in objective.trained}
    if not objective.autoencodes:
        idle |= {"prior", "similarity", "relative_similarity", "pixel"}
    if not objective.adversarial:
        idle |= {"real", "fake", "decoder_steps", "discriminator_steps"}
    if objective.kind != "vaegan":
        idle.add("gamma")
    return idle


def _gate(recipe: Recipe | None) -> tuple[tuple[float, ...], str]:
    """The gate's bounds, where they stay the same, and a sentence on them."""
    if recipe is None or not recipe.gate.enabled or (recipe.gate.equilibrium_decay, recipe.gate.margin_decay) != (1, 1):
        return (), ""
    low, high = recipe.gate.bounds(0)
    return (low, high), f" Below {number(low)}, the discriminator waits. Above {number(high)}, the decoder waits."


def table(stats: Stats) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Some of the figures that the charts are drawn from: steps, and for each number its name and its values at these."""
    lines = thinned(stats.lines, STEPS)
    rows = [
        (name.replace("_", " "), [number(value) if is_number(value := line.get(name)) else "" for line in lines]) for name in stats.names
    ]
    return [number(line["step"]) for line in lines], rows
