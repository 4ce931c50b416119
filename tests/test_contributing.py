"""What CONTRIBUTING.md shows how to add is short, and works."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from vaegan import Objective
from vaegan.cli.app import make_app
from vaegan.cli.commands import COMMANDS, Command
from vaegan.data import prepare
from vaegan.data.sources.registry import KINDS, SourceKind
from vaegan.losses.gan import GAN_LOSSES
from vaegan.losses.penalties import PENALTIES
from vaegan.models.families import FAMILIES

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"
SECTIONS = dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
MOST_LINES = 20


@pytest.mark.parametrize("title", SECTIONS)
def test_it_is_short(title: str) -> None:
    lines = [line for line in SECTIONS[title].splitlines() if line.strip() and not line.startswith("```")]
    assert len(lines) <= MOST_LINES


def shown(title: str, block: int = 0) -> dict[str, Any]:
    """The names that the code under a title defines, or one of its blocks."""
    code = re.findall(r"```python\n(.*?)```", SECTIONS[title], re.DOTALL)[block]
    names: dict[str, Any] = {"__name__": title}
    exec(compile(code, title, "exec"), names)
    return names


def test_a_network_family(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(FAMILIES, "mine", None)  # so that what is shown does not stay
    model = shown("A network family")["model"].train()
    losses = Objective(level=1)(model, torch.zeros(4, 3, 32, 32), *torch.randn(2, 4, 16))
    losses.backward(model.parameters())
    assert model.discriminator.maps.weight.grad.abs().max() > 0
    model.save_pretrained(tmp_path)
    assert type(model).from_pretrained(tmp_path).architecture.family == "mine"


@pytest.mark.parametrize(
    ("title", "registry", "name"),
    [("A GAN loss", GAN_LOSSES, "hinge"), ("A penalty of the discriminator, such as R1", PENALTIES, "r2")],
)
def test_a_loss(title: str, registry: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry, name, None)
    model = shown(title)["model"]
    for network in (model.encoder, model.decoder, model.discriminator):
        assert sum(parameter.grad.abs().sum() for parameter in network.parameters()) > 0


def test_a_metric() -> None:
    metric, images = shown("A metric")["Brightness"](), torch.rand(5, 3, 8, 8)  # tests/metrics/test_registry.py evaluates by such a one
    assert metric.of_samples(None, images)["samples_brightness"].shape == (5,)
    assert metric.of_reconstructions(None, images, images)["brightness_error"].tolist() == [0] * 5


def test_an_extractor() -> None:
    extractor = shown("An extractor of features")["make"](None, None, torch.device("cpu"), None)
    assert extractor(torch.zeros(2, 3, 16, 16)).shape == (2, extractor.dimensions)


def test_a_source(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaegan.data.sources.flowers", SimpleNamespace(source=shown("A source of images")["source"]))
    monkeypatch.setitem(KINDS, "flowers", SourceKind("flowers:source"))
    (tmp_path / "oxford").mkdir()
    photos.rename(tmp_path / "oxford" / "rose")
    packed = prepare(f"flowers:{tmp_path / 'oxford'}", tmp_path / "set", progress=lambda *_: None, size=(16, 16))
    assert set(packed.labels) == {"rose"}


def test_a_command(trained_on_avatars: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "A command", ModuleType("a file of the package"))  # where the dataclass looks for its types
    monkeypatch.setitem(sys.modules, "vaegan.api.shape", SimpleNamespace(shape=shown("A command")["shape"]))
    monkeypatch.setitem(sys.modules, "vaegan.cli.shape", SimpleNamespace(shape=shown("A command", 1)["shape"]))
    (line,) = re.findall(r"^`Command\((.*)\),`", SECTIONS["A command"], re.MULTILINE)
    monkeypatch.setattr("vaegan.cli.app.COMMANDS", (*COMMANDS, Command(*eval(f"({line})"))))
    make_app("shape")(["shape", str(trained_on_avatars), "--batch", "3"], result_action="return_value")
    assert capsys.readouterr().out == "3 16 16 3\n"
    make_app("shape")(["shape", str(trained_on_avatars), "--json"], result_action="return_value")
    assert json.loads(capsys.readouterr().out) == {"shape": [1, 16, 16, 3]}
