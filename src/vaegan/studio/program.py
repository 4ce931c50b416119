"""A network as a short list of operations on numbers, which a page and an ONNX file can carry out without torch.

`torch.export` gives the operations of any network. What depends on weights alone is computed here, once. Batch normalisation goes into
the weights before it, and an activation into the operation before it. Then convolutions, linear layers and little else are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import UserError

Shape = tuple[int, ...]
"""Of a value, without the number of images: (channels, height, width) or (numbers,)."""

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid")
SAME = ("unflatten", "flatten", "view", "reshape", "clone", "contiguous", "dropout", "alias", "detach", "_unsafe_view", "to", "_to_copy")
"""Operations after which the numbers are the same, in the same order."""


@dataclass
class Op:
    """One operation. Values are numbered: first the inputs, then the results of the operations."""

    kind: str
    """linear, conv, conv_transpose, affine, add, concat or activation."""
    inputs: list[int]
    output: int
    takes: Shape
    """The shape of its first input."""
    shape: Shape
    """Of its result."""
    tensors: dict[str, str] = field(default_factory=dict)
    """The names of its weights, by what they are: weight, bias, scale, shift."""
    stride: int = 1
    padding: int = 0
    activation: str = ""
    """One of `ACTIVATIONS`, computed of the result; or nothing."""
    slope: float = 0.0
    """Of leaky_relu, below 0."""


@dataclass
class Program:
    """What a network computes."""

    inputs: list[Shape] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """All weights, float32."""

    def as_dict(self) -> dict[str, Any]:
        """All but the weights, as JSON has it."""
        ops = [{name: value for name, value in vars(op).items() if value not in ({}, "", 0.0)} for op in self.ops]
        return {"inputs": self.inputs, "ops": ops, "outputs": self.outputs}


def trace(network: nn.Module, examples: Sequence[Tensor], prefix: str) -> Program:
    """The program of a network in evaluation mode.

    Args:
        network: its results are a tensor, or several.
        examples: an input for each of its arguments, with one image.
        prefix: with what the names of its weights begin.

    Raises:
        UserError: it has an operation that is not known.
    """
    with torch.no_grad():
        exported = torch.export.export(network, tuple(examples), strict=False)
        return _Tracer(exported, prefix).program()


@dataclass(frozen=True)
class _Value:
    """The result of an operation, while a graph is read."""

    number: int
    shape: Shape


class _Tracer:
    """Reads the graph of one exported network."""

    def __init__(self, exported: Any, prefix: str) -> None:
        self._program = Program()
        self._prefix = prefix
        self._known: dict[Any, Any] = {}  # of each node: a Tensor that depends on weights alone, or a _Value
        self._graph = exported.graph
        self._graph.eliminate_dead_code()
        signature = exported.graph_signature
        weights = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        values = {**exported.state_dict, **exported.constants}
        for node in self._graph.nodes:
            if node.op == "placeholder" and node.name in weights:
                self._known[node] = values[weights[node.name]].detach()
            elif node.op == "placeholder":
                self._program.inputs.append(self._shape(node))
                self._known[node] = _Value(len(self._program.inputs) - 1, self._shape(node))
        self._next = len(self._program.inputs)

    def program(self) -> Program:
        for node in self._graph.nodes:
            if node.op == "call_function" and _name(node) != "_assert_tensor_metadata":
                self._known[node] = self._result(node)
            elif node.op == "output":
                self._program.outputs = [self._known[result].number for result in node.args[0]]
        return self._program

    def _result(self, node: Any) -> Any:
        """The result of a node: computed now, or an operation more of the program."""
        arguments = [self._of(argument) for argument in node.args]
        if not any(isinstance(value, _Value) for value in _flat(arguments)):
            return node.target(*arguments, **{name: self._of(value) for name, value in node.kwargs.items()})
        name = _name(node)
        if name in SAME:
            return _Value(arguments[0].number, self._shape(node))
        if name in ACTIVATIONS:
            return self._activate(node, name, arguments[0], *arguments[1:])
        make: Callable[..., _Value] | None = getattr(self, f"_{name}", None)
        if make is None:
            raise UserError(f'vaegan cannot convert the operation "{name}" in the networks of this model, so they cannot run without torch')
        return make(node, *arguments)

    def _of(self, argument: Any) -> Any:
        if isinstance(argument, (list, tuple)):
            return [self._of(one) for one in argument]
        return self._known.get(argument, argument) if isinstance(argument, torch.fx.Node) else argument

    @staticmethod
    def _shape(node: Any) -> Shape:
        return tuple(int(side) for side in node.meta["val"].shape[1:])

    def _append(self, kind: str, inputs: Sequence[_Value], shape: Shape, weights: Mapping[str, Tensor], **more: Any) -> _Value:
        tensors = {}
        for what, tensor in weights.items():
            tensors[what] = f"{self._prefix}{len(self._program.tensors)}"
            self._program.tensors[tensors[what]] = tensor.float().contiguous()
        value = _Value(self._next, shape)
        self._next += 1
        self._program.ops.append(Op(kind, [one.number for one in inputs], value.number, inputs[0].shape, shape, tensors, **more))
        return value

    def _linear(self, node: Any, value: _Value, weight: Tensor, bias: Tensor | None = None) -> _Value:
        return self._append("linear", [value], self._shape(node), {"weight": weight, "bias": _or_zeros(bias, len(weight))})

    def _conv2d(self, node: Any, *arguments: Any) -> _Value:
        value, weight, bias, stride, padding, *rest = _with_defaults(arguments)
        return self._convolution("conv", node, value, weight, bias, stride, padding, rest)

    def _conv_transpose2d(self, node: Any, *arguments: Any) -> _Value:
        value, weight, bias, stride, padding, *rest = _with_defaults(arguments)
        rest = rest[1:]  # without output_padding: the shape of the result has it
        return self._convolution("conv_transpose", node, value, weight.transpose(0, 1), bias, stride, padding, rest)

    def _convolution(self, kind: str, node: Any, value: _Value, weight: Tensor, bias: Any, stride: Any, padding: Any, rest: Any) -> _Value:  # noqa: PLR0917
        """With the weights outputs x inputs x height x width."""
        if any(part != 1 for part in _flat(rest)):
            raise UserError("the networks of this model cannot run without torch: they have dilated or grouped convolutions")
        weights = {"weight": weight, "bias": _or_zeros(bias, len(weight))}
        return self._append(kind, [value], self._shape(node), weights, stride=_one(stride), padding=_one(padding))

    def _batch_norm(self, node: Any, *arguments: Any) -> _Value:
        value, weight, bias, mean, variance, _, _, eps, *_ = arguments
        scale = weight / (variance + eps).sqrt()
        shift = bias - mean * scale
        source, shape = self._last(node, value), self._shape(node)
        if source is None or "weight" not in source.tensors:
            return self._append("affine", [value], shape, {"scale": scale, "shift": shift})
        tensors, repeats = self._program.tensors, math.prod(source.shape) // len(scale) if source.kind == "linear" else 1
        scale, shift = scale.repeat_interleave(repeats), shift.repeat_interleave(repeats)
        weights = source.tensors["weight"]
        tensors[weights] = (tensors[weights] * scale.view(-1, *[1] * (tensors[weights].ndim - 1))).contiguous()
        tensors[source.tensors["bias"]] = tensors[source.tensors["bias"]] * scale + shift
        return _Value(value.number, shape)

    def _activate(self, node: Any, name: str, value: _Value, slope: float = 0.01, *_: Any) -> _Value:
        slope = slope if name == "leaky_relu" else 0.0
        source = self._last(node, value)
        if source is None:
            return self._append("activation", [value], value.shape, {}, activation=name, slope=slope)
        source.activation, source.slope = name, slope
        return value

    def _cat(self, node: Any, values: list[_Value], *_: Any) -> _Value:
        return self._append("concat", values, self._shape(node), {})

    def _add(self, node: Any, one: Any, other: Any, *_: Any) -> _Value:
        if not (isinstance(one, _Value) and isinstance(other, _Value) and one.shape == other.shape):
            raise UserError("the networks of this model cannot run without torch: they add values of different shapes")
        return self._append("add", [one, other], self._shape(node), {})

    def _last(self, node: Any, value: _Value) -> Op | None:
        """The operation before a node, if the node alone reads its result, so that both can be one."""
        last = self._program.ops[-1] if self._program.ops else None
        source = node.args[0]
        while source.op == "call_function" and len(source.users) == 1 and _name(source) in SAME:
            source = source.args[0]
        alone = source.op == "call_function" and len(source.users) == 1
        return last if alone and last is not None and last.output == value.number and not last.activation else None


def run(program: Program, inputs: Sequence[Tensor], tensors: Mapping[str, Tensor] | None = None) -> list[Tensor]:
    """Carry a program out with torch, as a page does: the outputs, each with a first dimension of N images.

    Args:
        program: what to compute.
        inputs: N x shape each.
        tensors: other weights than the program's own, such as rounded ones.
    """
    weights = program.tensors if tensors is None else tensors
    values = dict(enumerate(inputs))
    for op in program.ops:
        taken = [values[number] for number in op.inputs]
        taken[0] = taken[0].reshape(len(taken[0]), *op.takes)
        parts = {what: weights[name] for what, name in op.tensors.items()}
        if op.kind == "linear":
            value = functional.linear(taken[0], parts["weight"], parts["bias"])
        elif op.kind == "conv":
            value = functional.conv2d(taken[0], parts["weight"], parts["bias"], op.stride, op.padding)
        elif op.kind == "conv_transpose":
            value = functional.conv_transpose2d(
                taken[0], parts["weight"].transpose(0, 1), parts["bias"], op.stride, op.padding, op.stride - 1
            )
            value = value[:, :, : op.shape[1], : op.shape[2]]
        elif op.kind == "affine":
            form = (-1, *[1] * (taken[0].ndim - 2))
            value = taken[0] * parts["scale"].view(form) + parts["shift"].view(form)
        elif op.kind == "add":
            value = taken[0] + taken[1]
        elif op.kind == "concat":
            value = torch.cat(taken, 1)
        else:
            value = taken[0]
        if op.activation:
            value = functional.leaky_relu(value, op.slope) if op.activation.endswith("relu") else getattr(torch, op.activation)(value)
        values[op.output] = value
    return [values[number] for number in program.outputs]


def _name(node: Any) -> str:
    """Of the operation that a node calls, such as conv2d."""
    return str(node.target.__name__).split(".")[0].rstrip("_")


def _with_defaults(arguments: Sequence[Any]) -> list[Any]:
    """Those of a convolution: input, weight, bias, stride, padding and more."""
    defaults: list[Any] = [None, 1, 0]
    return [*arguments, *defaults[len(arguments) - 2 :]]


def _or_zeros(bias: Tensor | None, count: int) -> Tensor:
    return torch.zeros(count) if bias is None else bias


def _one(sides: Any) -> int:
    """The one value of two equal sides."""
    both = list(_flat([sides]))
    if any(side != both[0] for side in both):
        raise UserError(
            "the networks of this model cannot run without torch: they have convolutions with different strides for rows and columns"
        )
    return int(both[0])


def _flat(values: Any) -> list[Any]:
    return [one for value in values for one in (_flat(value) if isinstance(value, (list, tuple)) else [value])]
