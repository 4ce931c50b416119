"""The gate agrees with the authors'."""

from __future__ import annotations

import pytest

from vaegan import EquilibriumGate
from vaegan.losses.gate import GateDecision

GATE = [
    (0.69, 0.69, GateDecision(decoder=True, discriminator=True)),
    (0.30, 0.69, GateDecision(decoder=True, discriminator=False)),
    (0.69, 0.30, GateDecision(decoder=True, discriminator=False)),
    (0.10, 0.10, GateDecision(decoder=True, discriminator=False)),
    (1.10, 0.69, GateDecision(decoder=False, discriminator=True)),
    (0.69, 1.10, GateDecision(decoder=False, discriminator=True)),
    (2.00, 3.00, GateDecision(decoder=False, discriminator=True)),
    (0.30, 1.10, GateDecision(decoder=True, discriminator=True)),  # would stop both: step both
    (1.10, 0.30, GateDecision(decoder=True, discriminator=True)),
    (0.34, 1.02, GateDecision(decoder=True, discriminator=True)),
    (0.32, 1.02, GateDecision(decoder=True, discriminator=False)),
    (0.34, 1.04, GateDecision(decoder=False, discriminator=True)),
]


@pytest.mark.parametrize(("real", "fake", "decision"), GATE)
def test_the_gate(real: float, fake: float, decision: GateDecision) -> None:
    assert EquilibriumGate()(real, fake) == decision
    assert EquilibriumGate(enabled=False)(real, fake) == GateDecision(decoder=True, discriminator=True)


def test_the_gate_narrows_by_the_epoch() -> None:
    gate = EquilibriumGate(margin_decay=0.5)
    assert gate.settings.bounds(0) == pytest.approx((0.33, 1.03))
    assert gate.settings.bounds(1) == pytest.approx((0.68 - 0.175, 0.68 + 0.175))
    assert gate(0.4, 0.69, epoch=0).discriminator
    assert not gate(0.4, 0.69, epoch=1).discriminator


def test_the_equilibrium_never_falls_below_the_margin() -> None:
    gate = EquilibriumGate(equilibrium_decay=0.1)
    assert gate.settings.bounds(3) == pytest.approx((0.0, 0.7))
