"""A step that is recorded once as a CUDA graph and replayed, so that its hundreds of operations are started as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .step import NO_REQUESTS, Inputs, Requests, StepResult, TrainingStep

WARM_UP = 3
"""Steps taken as they are before one is recorded: libraries choose their kernels, and optimisers make their state, at first use."""


class Recording(NamedTuple):
    """A step that can be replayed."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    """What it reads: those of a step are copied into them."""
    result: StepResult


class GraphedStep:
    """A step that after a few calls is recorded and replayed. Steps with a penalty and steps without one are other operations, and have a
    recording each.

    What a replay returns are the tensors of the recording: they hold until the next one.
    """

    def __init__(self, step: TrainingStep, note: Callable[[str], None]) -> None:
        """`note` takes the reason where a step cannot be recorded; then it is taken as it is, and nothing else changes."""
        self._step, self._note = step, note
        self._calls: Counter[bool] = Counter()
        self._stream: torch.cuda.Stream | None = None
        self._recordings: dict[bool, Recording] = {}

    def __call__(self, inputs: Inputs, requests: Requests = NO_REQUESTS) -> StepResult:
        """Take the step. Requests are this process's alone: they are no part of what is recorded."""
        return self._take(inputs)._replace(requests=requests)

    def _take(self, inputs: Inputs) -> StepResult:
        self._calls[inputs.penalised] += 1
        calls = self._calls[inputs.penalised]
        if calls <= WARM_UP:
            return self._aside(inputs)
        if calls == WARM_UP + 1:
            self._record(inputs)
        recording = self._recordings.get(inputs.penalised)
        if recording is None:
            return self._step(inputs)
        for mine, theirs in zip(recording.inputs, _tensors(inputs), strict=True):
            mine.copy_(theirs)
        recording.graph.replay()
        return recording.result

    def forget(self) -> None:
        """Record anew, after some steps: the tensors that a step changes are others now."""
        self._calls.clear()
        self._recordings.clear()

    @property
    def replays(self) -> bool:
        """Whether a recording could be made."""
        return bool(self._recordings)

    def _aside(self, inputs: Inputs) -> StepResult:
        """On the stream that will record, as torch asks of steps before a recording."""
        stream = self._stream = self._stream or torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return result

    def _record(self, inputs: Inputs) -> None:
        """Recording runs nothing: the step that was asked for is the first replay."""
        copies: dict[str, Any] = {name: part.clone() for name, part in inputs._asdict().items() if isinstance(part, Tensor)}
        mine = inputs._replace(**copies)
        try:
            graph, result = _record(self._step, mine, self._stream)
            self._recordings[inputs.penalised] = Recording(graph, _tensors(mine), result)
        except RuntimeError as error:
            self._step.drop_gradients()  # they are of a step that was not run
            cause = error.__context__ or error  # what broke a recording makes ending it fail, too
            slower = "so it runs operation by operation, which is slower"
            self._note(f"the step could not be recorded as a CUDA graph, {slower}: {str(cause).splitlines()[0]}")


def _record(step: TrainingStep, inputs: Inputs, stream: torch.cuda.Stream | None) -> tuple[torch.cuda.CUDAGraph, StepResult]:
    graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):  # other threads may use the GPU meanwhile
            result = step(inputs)
    finally:
        torch.cuda.set_stream(before)  # a recording that fails leaves its own behind
    return graph, result


def _tensors(inputs: Inputs) -> list[Tensor]:
    return [part for part in inputs if isinstance(part, Tensor)]
