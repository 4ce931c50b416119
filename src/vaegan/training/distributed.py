"""Several processes that train one model: what they tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import UserError, os_errors_as_user_errors

T = TypeVar("T")


class LostProcessError(Exception):
    """A process that trains with this one does not answer any more."""


class JoinError(UserError):
    """The processes could not begin to talk."""

    @classmethod
    def of(cls, error: Exception) -> JoinError:
        """Out of what torch says."""
        return cls(f"the processes cannot connect to each other: {(str(error).splitlines() or [type(error).__name__])[0]}")


class SharedError(UserError):
    """What all processes have been told of: the first one says it, for all."""


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # which one it is, differs between backends
        raise LostProcessError(
            "another process of this run has ended, so this process stops, too: look for the error of the other process"
        ) from error


def mean_over_processes(fabric: Fabric, tensor: Tensor) -> Tensor:
    """Its mean over all processes.

    Raises:
        LostProcessError: one of them has ended.
    """
    if fabric.world_size == 1:
        return tensor
    total = tensor.contiguous().clone()
    with _answered():
        torch.distributed.all_reduce(total)
    return total / fabric.world_size


def gather_from_processes(fabric: Fabric, tensor: Tensor) -> Tensor:
    """The tensors of all processes, one below the other, in the order of the processes. No gradient passes.

    Raises:
        LostProcessError: one of them has ended.
    """
    if fabric.world_size == 1:
        return tensor
    tensors = [torch.empty_like(tensor) for _ in range(fabric.world_size)]
    with _answered():
        torch.distributed.all_gather(tensors, tensor.contiguous())
    return torch.cat(tensors)


def average_gradients(fabric: Fabric, parameters: list[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes, in one message."""
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    means = mean_over_processes(fabric, torch.cat([g.flatten() for g in gradients]))
    for gradient, mean in zip(gradients, means.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def from_leader(fabric: Fabric, make: Callable[[], T]) -> T:
    """What `make` returns in the first process, in all of them; what it raises that is the user's to mend, too, as a `SharedError`."""
    sent: list[Any] = [None, None]
    if fabric.is_global_zero:
        try:
            with os_errors_as_user_errors():
                sent = [make(), None]
        except UserError as error:
            sent = [None, str(error)]
    if fabric.world_size > 1:
        with _answered():
            sent = fabric.broadcast(sent)
    value, sentence = sent
    if sentence is not None:
        raise SharedError(sentence)
    return value


def wait_for_all(fabric: Fabric) -> None:
    """Go on when all processes have come here."""
    if fabric.world_size > 1:
        with _answered():
            torch.distributed.barrier()


@contextmanager
def all_or_none(fabric: Fabric) -> Iterator[None]:
    """What one process raises within that is the user's to mend becomes a `SharedError` of all, so that none waits for it.

    They must not talk within.
    """
    sentences: list[str | None] = [None]
    try:
        with os_errors_as_user_errors():
            yield
    except UserError as error:
        sentences = [str(error)]
    if fabric.world_size > 1:
        mine, sentences = sentences[0], [None] * fabric.world_size
        with _answered():
            torch.distributed.all_gather_object(sentences, mine)
    for sentence in sentences:
        if sentence is not None:
            raise SharedError(sentence)


def synchronise(model: nn.Module, fabric: Fabric) -> None:
    """Have batch normalisation take its statistics over the images of all processes. Parameters and buffers stay the same tensors."""
    if fabric.world_size == 1:
        return
    kind = nn.SyncBatchNorm if fabric.device.type == "cuda" else SyncBatchNorm  # torch's own is for GPUs alone
    for parent in list(model.modules()):
        for name, norm in list(parent.named_children()):
            if isinstance(norm, _BatchNorm):
                synchronised = kind(norm.num_features, norm.eps, norm.momentum)
                for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                    setattr(synchronised, part, getattr(norm, part))
                setattr(parent, name, synchronised.train(norm.training))


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the images of all processes, for any device."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 (torch's name)
        pass

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """N x C or N x C x H x W to the same."""
        if not self.training:
            return super().forward(input)
        maps = input.to(torch.promote_types(input.dtype, torch.float32))
        axes = [0, *range(2, maps.ndim)]
        shape = [1, -1] + [1] * (maps.ndim - 2)
        count = maps.numel() // maps.shape[1] * torch.distributed.get_world_size()
        mean = _total(maps.sum(axes)) / count
        centred = maps - mean.view(shape)
        variance = _total(centred.square().sum(axes)) / count  # in a second message: mean square minus squared mean loses digits
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        factor = (variance + self.eps).rsqrt() * self.weight
        return torch.addcmul(self.bias.view(shape), centred, factor.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class _Total(torch.autograd.Function):
    """A sum over all processes. Each has its own loss, and their sum is what gradients are of: so backward is a sum, too."""

    @staticmethod
    def forward(_: Any, tensor: Tensor) -> Tensor:
        return _sum(tensor)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return _sum(gradient)


def _sum(tensor: Tensor) -> Tensor:
    total = tensor.contiguous().clone()
    with _answered():
        torch.distributed.all_reduce(total)
    return total


def _total(tensor: Tensor) -> Tensor:
    return _Total.apply(tensor)
