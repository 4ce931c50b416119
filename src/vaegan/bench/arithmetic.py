"""How much arithmetic a step is, how fast the machine could do it, and how fast it does the convolutions where it does nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from .timing import Timer, repeated, time_each

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CONVOLUTIONS = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)
BLOCK = 1 << 20  # random numbers that are drawn; more are these again
YARDSTICK_SHARE = 0.25  # of a timer's seconds


class TensorLike(NamedTuple):
    """What matters of a tensor for the time that arithmetic with it takes."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def random(self, device: torch.device) -> Tensor:
        """A tensor like that, of random numbers."""
        span = 1 + sum((length - 1) * step for length, step in zip(self.shape, self.stride, strict=True))
        block = torch.randn(min(span, BLOCK), device=device).to(self.dtype)
        return block.repeat(math.ceil(span / len(block))).as_strided(self.shape, self.stride)


class Call(NamedTuple):
    """One convolution, or one pass back through one, without its data."""

    operation: Any
    arguments: tuple[Any, ...]

    def work(self, device: torch.device) -> Callable[[], object]:
        """The same again, on random data."""
        arguments = [argument.random(device) if isinstance(argument, TensorLike) else argument for argument in self.arguments]
        return lambda: self.operation(*arguments)


class Work(NamedTuple):
    """What a step does."""

    flops: int
    convolution_flops: int
    """Those of its convolutions."""
    convolutions: Counter[Call]
    """How often it makes each."""


class _Recorder(TorchDispatchMode):
    """Notes what is done under it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions: Counter[Call] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func in CONVOLUTIONS:
            self.convolutions[Call(func, tuple(map(_without_data, args)))] += 1
        return func(*args, **(kwargs or {}))


def _without_data(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return TensorLike(tuple(argument.shape), argument.stride(), argument.dtype)
    return tuple(argument) if isinstance(argument, list) else argument


def count(step: Callable[[], object]) -> Work:
    """Do a step and see what it does."""
    with FlopCounterMode(display=False) as counter, _Recorder() as recorder:
        step()
    by_operation = counter.get_flop_counts()["Global"]
    of_convolutions = sum(by_operation.get(operation.overloadpacket, 0) for operation in CONVOLUTIONS)
    return Work(counter.get_total_flops(), of_convolutions, recorder.convolutions)


def alone(convolutions: Counter[Call], device: torch.device) -> Timer:
    """A timer that returns the seconds a step's convolutions take, each made again and again with nothing between."""

    def timer(seconds: float) -> float:
        with torch.no_grad():
            each = seconds / len(convolutions)
            return sum(times * time_each(call.work(device), device, each) for call, times in convolutions.items())

    return timer


class Yardstick(NamedTuple):
    """A large product, which a machine does as fast as it can do anything."""

    name: str
    flops: int
    timer: Timer


def yardsticks(precision: str, device: torch.device, seconds: float) -> list[Yardstick]:
    """Of matrices, and of a middle layer's 5x5 convolution in both layouts; as large as can be done some times in `seconds`."""
    dtype = DTYPES[precision]

    def matrices(side: int) -> tuple[int, Callable[[], object]]:
        one, other = torch.randn(2, side, side, device=device).to(dtype)
        return 2 * side**3, lambda: one @ other

    def convolution(batch: int, layout: torch.memory_format) -> tuple[int, Callable[[], object]]:
        maps, weight = (
            torch.randn(shape, device=device).to(dtype).to(memory_format=layout) for shape in [(batch, 256, 32, 32), (256, 256, 5, 5)]
        )
        return 2 * maps.numel() * weight[0].numel(), lambda: functional.conv2d(maps, weight, padding=2)

    batches = (1, 2, 4, 8, 16, 32, 64)
    ways: dict[str, tuple[Callable[[int], tuple[int, Callable[[], object]]], tuple[int, ...]]] = {
        "matrix product": (matrices, (256, 512, 1024, 2048, 4096, 8192)),
        "convolution, channels first": (partial(convolution, layout=torch.contiguous_format), batches),
        "convolution, channels last": (partial(convolution, layout=torch.channels_last), batches),
    }
    found = []
    for name, (make, sizes) in ways.items():
        flops, work = _largest(make, sizes, device, YARDSTICK_SHARE * seconds / 4)
        found.append(Yardstick(name, flops, repeated(work, device, share=YARDSTICK_SHARE)))
    return found


def _largest(
    make: Callable[[int], tuple[int, Callable[[], object]]], sizes: Iterable[int], device: torch.device, seconds: float
) -> tuple[int, Callable[[], object]]:
    """The first that takes so long, or else the last."""
    for size in sizes:
        made = make(size)
        if time_each(made[1], device, 0) > seconds:
            break
    return made
