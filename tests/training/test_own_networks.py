"""Networks and a loss of a program's own, in a file of 40 lines: trained, saved, loaded in a new process, edited, evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..processes import run
from ..tiny import TINY

OWN = """
import torch
from torch import nn

from vaegan.losses.gan import GAN_LOSSES
from vaegan.models import base, families, larsen

class Decoder(base.Decoder):
    def __init__(self, architecture):
        super().__init__()
        self.shape = (architecture.channels, *architecture.size)
        self.linear = nn.Linear(architecture.latent, torch.Size(self.shape).numel())

    def forward(self, codes, conditions=None):
        return self.linear(codes).unflatten(1, self.shape).tanh()

class Discriminator(base.Discriminator):
    levels = (0,)

    def __init__(self, architecture):
        super().__init__()
        self.maps, self.logit = nn.Conv2d(architecture.channels, 8, 4, 2, 1), nn.Linear(8, 1)

    def stem(self, images):
        return self.maps(images)

    def maps_of(self, stems, level):
        return stems

    def last_maps_of(self, stems):
        return stems.relu()

    def logits_of(self, stems, conditions=None):
        return self.logit(stems.relu().mean((2, 3))).squeeze(1)

class LeastSquares:
    opposed = False

    def discriminator(self, images, generated):
        return (images - 1).square().mean(), torch.stack([kind.square().mean() for kind in generated])

    def decoder(self, images, generated):
        return torch.stack([(kind - 1).square().mean() for kind in generated])

families.FAMILIES["own"] = families.Family(larsen.Encoder, Decoder, Discriminator)
GAN_LOSSES["own"] = LeastSquares
"""
TRAIN = """
import own
import vaegan

vaegan.train(SETTINGS, "run", device="cpu", report=False)
"""
USE = """
import own
import vaegan

run = vaegan.Run.open("run")
edited = run.edit(run.images().images[:2], {"direction-1": 1}).images
numbers = run.evaluate(extractor="none", samples=20, device="cpu").numbers
print(type(run.model().decoder).__module__, tuple(edited.shape), "psnr" in numbers)
"""


def test_a_program_with_networks_and_a_loss_of_its_own(tmp_path: Path) -> None:
    assert len([line for line in OWN.splitlines() if line]) <= 40
    (tmp_path / "own.py").write_text(OWN)
    own = {"networks.family": "own", "objective.gan": "own", "objective.level": 0, "objective.similarity": "level"}
    settings: dict[str, Any] = {**TINY, **own, "data.avatars": 80, "data.held_out": 0.25, "training.length": "2 steps"}
    for script, said in ((TRAIN.replace("SETTINGS", repr(settings)), ""), (USE, "own (2, 3, 16, 16) True")):
        done = run(script=f"import sys\nsys.path.insert(0, '.')\n{script}", cwd=tmp_path)
        assert (done.returncode, done.stdout.strip()) == (0, said), done.stderr
    done = run(script="import vaegan; vaegan.load('run')", cwd=tmp_path)
    assert "there is no networks.family named own: there are larsen, resize" in done.stderr
