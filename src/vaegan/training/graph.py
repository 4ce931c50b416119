"""A step that is recorded once as a CUDA graph and replayed, so that starting its hundreds of kernels costs as much as starting one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .step import Inputs, Step, TrainingStep

WARM_UP = 3
"""Steps taken as they are before one is recorded: libraries choose their kernels, and optimisers make their state, at first use."""


class Recorded:
    """A step that after a few calls is recorded and replayed; the same numbers, from the same kernels.

    What a replay returns are the tensors of the recording: they hold until the next one.
    """

    def __init__(self, step: TrainingStep, note: Callable[[str], None]) -> None:
        """`note` takes the reason where a step cannot be recorded; then it is taken as it is, and nothing else changes."""
        self._step, self._note = step, note
        self._calls = 0
        self._recording: tuple[torch.cuda.CUDAGraph, Step] | None = None

    def __call__(self, inputs: Inputs) -> Step:
        """Take the step."""
        self._calls += 1
        if self._calls <= WARM_UP:
            return self._aside(inputs)
        if self._calls == WARM_UP + 1:
            self._record(inputs)
        if self._recording is None:
            return self._step(inputs)
        for mine, theirs in zip(self._inputs, _tensors(inputs), strict=True):
            mine.copy_(theirs)
        graph, result = self._recording
        graph.replay()
        return result

    @property
    def replays(self) -> bool:
        """Whether a recording could be made."""
        return self._recording is not None

    def _aside(self, inputs: Inputs) -> Step:
        """On another stream than usual, as torch asks of steps before a recording."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return result

    def _record(self, inputs: Inputs) -> None:
        """Recording runs nothing: the step that was asked for is the first replay."""
        self._inputs = [tensor.clone() for tensor in _tensors(inputs)]
        try:
            self._recording = _record(self._step, self._inputs)
        except RuntimeError as error:
            torch.cuda.synchronize()
            self._step.drop_gradients()  # they are of a step that was not run
            self._note(f"the step could not be recorded, so each is started kernel by kernel: {str(error).splitlines()[0]}")


def _record(step: TrainingStep, inputs: list[Tensor]) -> tuple[torch.cuda.CUDAGraph, Step]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step(Inputs(*inputs))
    return graph, result


def _tensors(inputs: Inputs) -> list[Tensor]:
    return [part for part in inputs if isinstance(part, Tensor)]
