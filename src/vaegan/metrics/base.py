"""What a metric is: a class that gives some numbers of a model, from what a `Context` holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from .context import Context

SAMPLES = 10_000
"""How many samples are measured, if nothing else is asked for."""
RESAMPLINGS = 5
"""How many draws of images the spread of a number is taken over, if nothing else is asked for."""

Need = Literal["encoder", "discriminator", "extractor", "attributes"]
"""A trained encoder or discriminator, an extractor of features, a conditional model."""


class Resampled(NamedTuple):
    """A number over several draws of equally many images."""

    mean: float
    spread: float
    """Standard deviation over the draws."""


@dataclass(frozen=True)
class Value:
    """One number that a metric gives, and how people see it."""

    name: str
    """Its name in metrics.jsonl and results.json; empty where it is in tables only."""
    value: float | list[float]
    label: str = ""
    """Its name in tables; empty where it is in files only."""
    table: str = "others"
    """The table that it is in: samples, reconstructions, errors, codes, copies, or any other, which is then the title."""
    text: str = ""
    """What tables say in place of the number."""
    times: float = 1.0
    """What the number is multiplied by in tables."""
    standard_error: float | None = None
    halves: Resampled | None = None
    """The same of random halves of the images."""
    real_baseline: Resampled | None = None
    """The same of real images in place of the model's, as many as in `halves`."""

    def as_json(self) -> dict[str, Any]:
        """What `of_json` takes."""
        return asdict(self)

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Value:
        """What `as_json` gave, from a file."""
        drawn = {name: content[name] and Resampled(*content[name]) for name in ("halves", "real_baseline")}
        return cls(**{**content, **drawn})

    def numbers(self) -> dict[str, float | list[float]]:
        """All of it under names of their own."""
        if not self.name:
            return {}
        found: dict[str, float | list[float]] = {self.name: self.value}
        for which, resampled in (("halves", self.halves), ("real_baseline", self.real_baseline)):
            if resampled:
                found |= {f"{self.name}_{which}": resampled.mean, f"{self.name}_{which}_spread": resampled.spread}
        if self.standard_error is not None:
            found[f"{self.name}_standard_error"] = self.standard_error
        return found


class Metric:
    """Measures a model. One that looks at single images gives a method `of_samples` or `of_reconstructions`, any other `__call__`.

    Fields of a subclass that is a dataclass are its settings.
    """

    name: ClassVar[str]
    """What it is asked for by."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """What a model must have to be measured."""
    labels: ClassVar[Mapping[str, str]] = {}
    """What tables call its numbers, by their names in files."""
    version: ClassVar[int] = 1
    """Raised when a number would come out otherwise: experiments keep what they measured."""

    @property
    def installed(self) -> bool:
        """Whether this machine has the packages that it takes. Experiments do not keep that it has not."""
        return True

    def of_samples(self, context: Context, samples: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Numbers of some samples n x C x H x W in [-1, 1], each under a name, n of each."""
        return {}

    def of_reconstructions(self, context: Context, images: Tensor, reconstructions: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Numbers of some held-out images and their reconstructions, both n x C x H x W in [-1, 1], on the CPU."""
        return {}

    def __call__(self, context: Context) -> Iterable[Value]:
        """All that is measured: by default the mean of each number of single images."""
        for table, seen in (("samples", context.of_samples), ("errors", context.of_reconstructions)):
            for name, values in seen(self).items():
                error = float(values.std(ddof=1) / math.sqrt(len(values)))
                yield Value(name, float(values.mean()), self.labels.get(name, name.replace("_", " ")), table, standard_error=error)

    def lacking(self, context: Context) -> Need | None:
        """What it needs and the model has not, if there is such a thing."""
        there = {
            "encoder": context.has_encoder,
            "discriminator": "discriminator" not in context.model.untrained,
            "extractor": context.extractor is not None,
            "attributes": context.model.conditional,
        }
        return next((need for need in self.needs if not there[need]), None)
