"""What onnxruntime computes of a file, beside what the model computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data.batches import to_tensor
from ..latent.anomaly import Scorer
from ..latent.directions import Directions
from ..latent.measurements import measure
from ..models.vaegan import VAEGAN
from ..viz.grid import to_array

CHECKED = 7
"""Images that files are checked on: samples of the model itself."""
Arrays = dict[str, NDArray[np.float32]]


class Part(nn.Module):
    """What a file computes, with torch: a module of the same inputs and outputs."""

    def __init__(self, model: VAEGAN, name: str) -> None:
        """`name`: encoder, decoder or reconstruct."""
        super().__init__()
        self.model, self.name = model, name

    def forward(self, values: Tensor, attributes: Tensor | None = None) -> tuple[Tensor, ...]:
        """Images or codes, and attributes of a conditional model -> the outputs of the file."""
        conditions = self.model.conditions(attributes)
        if self.name == "decoder":
            return (self.model.decoder(values, conditions),)
        posterior = self.model.encoder(values, conditions)
        return posterior if self.name == "encoder" else (self.model.decoder(posterior[0], conditions),)


class Reference:
    """The inputs that files are checked on, and what the model makes of them."""

    def __init__(self, model: VAEGAN, scorer: Scorer | None, directions: Directions | None = None) -> None:
        self._model, self._scorer, self._directions = model, scorer, directions
        names = model.architecture.attributes
        attributes = torch.full((CHECKED, len(names)), torch.nan)
        for number in range(CHECKED if names else 0):  # each attribute is known of some, and unknown of others
            attributes[number, number % len(names)] = model.attribute_mean[number % len(names)] + number % 3 - 1
        codes = model.prior_codes(CHECKED, seed=0)
        with torch.inference_mode():
            self.pixels = to_array(model.decode(codes))
        self.inputs: Arrays = {"codes": codes.numpy(), "images": to_tensor(self.pixels).contiguous().numpy()}
        if names:
            self.inputs["attributes"] = attributes.numpy()
        if model.prior is not None:  # given attributes, noise has another meaning there, but 0 does not
            self.inputs["uniform"] = np.random.default_rng(1).random(CHECKED, np.float32)
            noise = np.random.default_rng(0).standard_normal((CHECKED, model.prior.means.shape[1]), np.float32)
            self.inputs["noise"] = np.zeros_like(noise) if names else noise
        if directions is not None:  # each attribute is added to some, and taken from others
            numbers = np.arange(CHECKED * len(directions.names), dtype=np.float32).reshape(CHECKED, len(directions.names))
            self.inputs["strengths"] = (numbers % 4 / 2 - 1).astype(np.float32)

    @torch.inference_mode()
    def expected(self, name: str, inputs: Mapping[str, Any]) -> list[NDArray[Any]]:
        """What a file of this name should compute, in the order of its outputs."""
        if name == "score":
            return self._scores(torch.from_numpy(inputs["images"]))
        tensors, model, directions = [torch.from_numpy(one) for one in inputs.values()], self._model, self._directions
        if name == "prior":
            assert model.prior is not None
            noise, uniform, *attributes = tensors
            return [model.prior.codes(noise[:, : model.prior.latent], uniform, *map(model.standardised, attributes)).numpy()]
        if name == "edit":
            assert directions is not None
            each = [(code, dict(zip(directions.names, row.tolist(), strict=True))) for code, row in zip(*tensors, strict=True)]
            return [torch.stack([directions.edit(code[None], strengths)[0] for code, strengths in each]).numpy()]
        return [one.numpy() for one in Part(model, name)(*tensors)]

    def _scores(self, images: Tensor) -> list[NDArray[Any]]:
        model, scorer = self._model, self._scorer
        if scorer is None:
            reconstructions, raw = measure(model, images, model.level)
            errors = torch.from_numpy(raw["errors"])[:, None]
            enlarged = nn.functional.interpolate(errors, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
            return [raw["similarity"], raw["pixel"], raw["prior"], enlarged.numpy(), reconstructions.numpy()]
        scores = scorer.score(to_array(images))
        reconstructions, times = scorer.maps(images)
        return [scores.p, scores.combined, *scores.measurements.values(), times.numpy(), reconstructions.numpy()]


def open_session(path: Path, threads: int = 0) -> Any:
    """An onnxruntime.InferenceSession of a file, on the CPU.

    Args:
        path: the file.
        threads: how many compute; by default as many as there are cores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors alone
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def differences(path: Path, reference: Reference) -> dict[str, float]:
    """The largest difference of each output of a file: |found - expected| / max(1, |expected|)."""
    session = open_session(path, threads=1)
    inputs = {one.name: reference.inputs[one.name] for one in session.get_inputs()}
    found: Callable[..., list[NDArray[Any]]] = session.run
    pairs = zip(session.get_outputs(), found(None, inputs), reference.expected(path.stem, inputs), strict=True)
    return {one.name: float((np.abs(there - wanted) / np.maximum(1, np.abs(wanted))).max()) for one, there, wanted in pairs}
