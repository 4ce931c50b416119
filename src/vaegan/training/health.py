"""The ways in which a VAE/GAN fails without a number going wrong, and what to try against each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..objective import Objective

PATIENCE = 1000
"""Steps that a gate may stay shut: holding a player for some hundred steps at a time is what it is for."""
SOON = 200
"""Steps that the other signs must last: the first steps of a run, and single ones, say nothing."""


class Sign(NamedTuple):
    """Of one kind of failure."""

    patience: int
    """Steps that it must last before it is worth a warning."""
    what: str
    advice: str


SIGNS = {
    "decoder held": Sign(
        PATIENCE,
        "the gate has held the decoder: the discriminator is too weak to teach it",
        "a higher third value of --optimizer.lr_factors, or a larger --gate.margin",
    ),
    "discriminator held": Sign(
        PATIENCE,
        "the gate has held the discriminator: it wins although it does not learn",
        "a higher second value of --optimizer.lr_factors, or a larger --gate.margin",
    ),
    "discriminator certain": Sign(
        SOON,
        "the discriminator tells every image from every sample, which teaches the decoder nothing",
        "a lower third value of --optimizer.lr_factors, or the gate, if it is off",
    ),
    "discriminator wrong": Sign(
        SOON,
        "the discriminator takes images for samples, or samples for images, nearly always",
        "a lower --optimizer.lr, or a smaller second value of --optimizer.lr_factors",
    ),
    "posterior at the prior": Sign(
        SOON,
        "the posterior is the prior: codes tell nothing of their images",
        "a lower --objective.prior_weight, or a higher --objective.gamma",
    ),
    "samples alike": Sign(
        SOON,
        "samples are all alike",
        "a higher --objective.gamma, a lower second value of --optimizer.lr_factors, or a larger --training.batch",
    ),
}

CERTAIN = 0.01
"""Costs below this, in nats, are those of a discriminator that says at least 0.99 of images and at most 0.01 of samples."""
WRONG = 4.0
"""A cost above this is that of one that is right with a probability of less than 1 in 50."""
NO_INFORMATION = 0.005
"""Nats of L_prior for each dimension of the code, below which it tells nothing."""
ALIKE = 0.1
"""Samples whose spread around their mean is this part of that of images, or less, are alike."""


@dataclass
class Watch:
    """Follows a run, and says when something seems to have gone wrong for good."""

    objective: Objective
    latent: int
    _since: dict[str, int] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)
    _variety: float = 1.0

    def see_samples(self, variety: float) -> None:
        """Take in how much samples differ from each other, as a part of how much images do."""
        self._variety = variety

    def __call__(self, step: int, means: Mapping[str, float]) -> list[str]:
        """Take in the means of some steps, the last of which is `step`.

        Returns:
            Warnings: a sentence for each kind of failure that has now lasted too long, once.
        """
        plays, autoencodes = self.objective.plays, self.objective.autoencodes
        there = {
            "decoder held": plays and means["decoder_steps"] < 0.01,
            "discriminator held": plays and means["discriminator_steps"] < 0.01,
            "discriminator certain": plays and max(means["real"], means["fake"]) < CERTAIN,
            "discriminator wrong": plays and max(means["real"], means["fake"]) > WRONG,
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
                warnings.append(f"for {lasted} steps {sign.what}; try {sign.advice}")
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
