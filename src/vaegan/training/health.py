"""What goes wrong in a run without a number going wrong: the ways in which a VAE/GAN fails, with what to try, and a run that slows down."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from ..settings import ObjectiveSettings

PATIENCE = 1000
"""Steps that a gate may stay shut: holding a network for some hundred steps at a time is what it is for."""
SOON = 200
"""Steps that the other signs must last: the first steps of a run, and single ones, say nothing."""


class FailureSign(NamedTuple):
    """Of one kind of failure."""

    patience: int
    """Steps that it must last before it is worth a warning."""
    what: str
    advice: tuple[str, ...]
    """What to try: one thing or another."""

    def advice_for(self, objective: ObjectiveSettings) -> str:
        """What is worth trying with an objective, in words: gamma is of VAE/GANs alone."""
        return ", or ".join(one for one in self.advice if objective.kind == "vaegan" or "gamma" not in one)


SIGNS = {
    "decoder held": FailureSign(
        PATIENCE,
        "the gate has paused the training of the decoder: the discriminator is too weak to teach it",
        ("a higher learning rate of the discriminator (the third value of --optimizer.lr_factors)", "a larger --gate.margin"),
    ),
    "discriminator held": FailureSign(
        PATIENCE,
        "the gate has paused the training of the discriminator: it is too strong, even when it does not learn",
        ("a higher learning rate of the decoder (the second value of --optimizer.lr_factors)", "a larger --gate.margin"),
    ),
    "discriminator certain": FailureSign(
        SOON,
        "the discriminator separates all images from all samples, so the decoder learns nothing from it",
        ("a lower learning rate of the discriminator (the third value of --optimizer.lr_factors)", "--gate.enabled, if the gate is off"),
    ),
    "discriminator wrong": FailureSign(
        SOON,
        "the discriminator nearly always mistakes images for samples, or samples for images",
        ("a lower --optimizer.lr", "a lower learning rate of the decoder (the second value of --optimizer.lr_factors)"),
    ),
    "posterior at the prior": FailureSign(
        SOON,
        "the posterior is the prior: codes say nothing about their images",
        ("a lower --objective.kl_weight", "a higher --objective.gamma"),
    ),
    "samples alike": FailureSign(
        SOON,
        "samples are all alike",
        (
            "a higher --objective.gamma",
            "a lower learning rate of the decoder (the second value of --optimizer.lr_factors)",
            "a larger --training.batch",
        ),
    ),
}

CERTAIN = 0.01
"""Cross entropies below this, in nats, are those of a discriminator that says at least 0.99 of images and at most 0.01 of samples."""
WRONG = 4.0
"""A cost above this is that of one that is right with a probability of less than 1 in 50."""
NO_INFORMATION = 0.005
"""Nats of L_prior for each dimension of the code, below which it tells nothing."""
ALIKE = 0.1
"""Samples whose spread around their mean is this part of that of images, or less, are alike."""


@dataclass
class FailureMonitor:
    """Follows a run, and says when something seems to have gone wrong for good."""

    objective: ObjectiveSettings
    latent: int
    _since: dict[str, int] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)
    _variety: float = 1.0

    def remember(self, names: Iterable[str]) -> None:
        """Take in of which failures this run was warned before it was resumed: while they last, they are not said again."""
        self._warned |= SIGNS.keys() & set(names)

    def see_samples(self, variety: float) -> None:
        """Take in how much samples differ from each other, as a part of how much images do."""
        self._variety = variety

    def __call__(self, step: int, means: Mapping[str, float]) -> list[str]:
        """Take in the means of some steps, the last of which is `step`.

        Returns:
            Warnings: a sentence for each kind of failure that has now lasted too long, once.
        """
        adversarial, autoencodes = self.objective.adversarial, self.objective.autoencodes
        says = adversarial and self.objective.has_cross_entropy  # of other GAN losses, it is not known which cost says what
        there = {
            "decoder held": adversarial and means["decoder_steps"] < 0.01,
            "discriminator held": adversarial and means["discriminator_steps"] < 0.01,
            "discriminator certain": says and max(means["real"], means["fake"]) < CERTAIN,
            "discriminator wrong": says and max(means["real"], means["fake"]) > WRONG,
            "posterior at the prior": autoencodes and means["prior"] < NO_INFORMATION * self.latent,
            "samples alike": self._variety < ALIKE,
        }
        warnings = []
        for name, sign in SIGNS.items():
            if not there[name]:
                self._since.pop(name, None)
                self._warned.discard(name)
                continue
            lasted = step - self._since.setdefault(name, step)
            if lasted >= sign.patience and name not in self._warned:
                self._warned.add(name)
                warnings.append(f"for {lasted} steps {sign.what}; in a new run, try {sign.advice_for(self.objective)}")
        return warnings

    @property
    def current(self) -> list[str]:
        """The kinds of failure that have been warned of and are still there."""
        return [name for name in SIGNS if name in self._warned]

    def forget(self) -> None:
        """After going back to an earlier step."""
        self._since.clear()
        self._warned.clear()
        self._variety = 1.0


SLOW = 0.5
"""The part of its usual speed below which a run has become much slower."""
SLOW_SECONDS = 20.0
"""Seconds that this must last."""
REMEMBERED = 100
"""Lines of the log whose median is the usual speed."""


class SpeedMonitor:
    """Follows the speed of a run."""

    def __init__(self) -> None:
        self._speeds: deque[float] = deque(maxlen=REMEMBERED)
        self._slow_for = 0.0
        self._warned = False

    def __call__(self, speed: float, seconds: float) -> str | None:
        """Take in a speed in images a second, and for how long it was so; returns a sentence, once each time the run becomes slow."""
        usual = median(self._speeds) if self._speeds else speed
        if speed >= SLOW * usual:
            self._speeds.append(speed)
            self._slow_for, self._warned = 0.0, False
            return None
        self._slow_for += seconds
        if self._slow_for < SLOW_SECONDS or self._warned:
            return None
        self._warned = True
        return f"training has slowed from {usual:,.0f} to {speed:,.0f} images/s: {_reason()}"


def _reason() -> str:
    """What the system says of the last minute."""
    here = os.cpu_count() or 1
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return "other programs may use this machine"
    if load > here + 0.5:
        cores = f"{here} core{'s' * (here > 1)}"
        return f"the processor is overloaded (load {load:.1f}, {cores}). If that lasts, stop this run and resume it: it then adapts"
    return f"the processor is not busy (load {load:.1f}), so look at the disk, the memory and the temperature of this machine"
