"""Every metric is found by its name, and a new one shows everywhere by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaegan import VAEGAN, Architecture
from vaegan.data import prepare
from vaegan.metrics.base import Metric, Resampled, Value
from vaegan.metrics.context import Context
from vaegan.metrics.evaluate import evaluate
from vaegan.metrics.registry import METRICS, metrics
from vaegan.metrics.tables import tables

from .fixed import RandomFeatures


class Brightness(Metric):
    """Looks at single images."""

    name = "brightness"

    def of_samples(self, context: Context, samples: Tensor) -> Mapping[str, Tensor]:
        assert context.samples == 30
        return {"samples_brightness": samples.mean((1, 2, 3))}


class Layers(Metric):
    """Looks at the model alone."""

    name = "layers"

    def __call__(self, context: Context) -> Iterable[Value]:
        return [Value("layers", len(list(context.model.modules())), "layers", "size of the model")]


class Followed(Metric):
    """Takes a conditional model."""

    name = "followed"
    needs = ("attributes",)

    def __call__(self, context: Context) -> Iterable[Value]:
        raise AssertionError(context)


def test_each_is_called_what_it_is_asked_for_by() -> None:
    assert [metric.name for metric in metrics()] == list(METRICS)
    assert [metric.name for metric in metrics(["posterior", "prdc"])] == ["posterior", "prdc"]


def test_a_new_metric_shows_in_tables_and_files(photos: Path, tmp_path: Path) -> None:
    images = prepare(str(photos), tmp_path / "set", size=(16, 16), progress=lambda *_: None)
    torch.manual_seed(0)
    model = VAEGAN(Architecture(size=(16, 16), width=0.0625, latent=4)).eval()
    context = Context(model, images, np.arange(20), np.arange(20, 40), RandomFeatures(), samples=30, resamplings=2)
    found = evaluate(context, [*metrics(["kernel_distance"]), Brightness(), Layers(), Followed()])
    line = json.loads(found.append_to(tmp_path / "metrics.jsonl").read_text())
    with torch.inference_mode():
        assert np.isclose(line["samples_brightness"], model.sample(30).mean().item(), atol=1e-6)
    assert line["samples_brightness_standard_error"] > 0
    shown = {table.title: dict(table.rows) for table in tables(found)}
    assert "samples brightness" in shown["30 samples of N(0, I) against real training images"]
    assert shown["size of the model"] == {"layers": (str(line["layers"]),)}


def test_values_come_back_from_files() -> None:
    value = Value("a", 1.5, "A", "samples", times=1000.0, halves=Resampled(1, 2), real_baseline=Resampled(3, 4))
    assert Value.of_json(json.loads(json.dumps(value.as_json()))) == value
    assert Value.of_json(json.loads(json.dumps(Value("b", [1.0, 2.0]).as_json()))) == Value("b", [1.0, 2.0])
    assert value.numbers() == {"a": 1.5, "a_halves": 1, "a_halves_spread": 2, "a_real_baseline": 3, "a_real_baseline_spread": 4}
