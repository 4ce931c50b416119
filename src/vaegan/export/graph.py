"""An ONNX graph, written node by node from what a network computes.

torch's own exporter would do the same by way of one more package. It takes ten seconds and more for each graph, fixes the batch of some
networks, leaves weights as arithmetic on other weights, so that they cannot be stored as int8, and writes the paths of source files into
the graph. The programs of `vaegan.studio.program`, which a page runs, too, have none of this.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import NOT_FINITE, UserError
from ..studio.program import Op, Program, Shape
from ..studio.weights import LARGEST_FLOAT16, LARGEST_INT8, Precision

OPSET, IR_VERSION = 17, 8
"""Of ONNX 1.12, of 2022: what programs from that year on can read."""
BATCH = "N"
"""The name of the first dimension of every input and output: any number of images."""
NAMES = {"relu": "Relu", "leaky_relu": "LeakyRelu", "tanh": "Tanh", "sigmoid": "Sigmoid"}

Value: TypeAlias = str
"""The result of a node, by its name in the graph."""
Array: TypeAlias = NDArray[Any]


class Graph:
    """A graph that grows. The same weights, and the same node of the same values, are in it once."""

    def __init__(self, precision: Precision = "float32") -> None:
        """`precision`: how weights are stored. Everything is computed in float32."""
        self.precision = precision
        self.inputs: dict[str, Shape] = {}
        """The shape of each without the batch, as for `outputs`."""
        self.outputs: dict[str, Shape] = {}
        self.shapes: dict[Value, Shape] = {}
        """Of inputs and of what programs compute, without the batch."""
        self._nodes: list[Any] = []
        self._initialisers: dict[str, Any] = {}
        self._known: dict[Any, Value] = {}

    def input(self, name: str, *shape: int) -> Value:
        """An input, float32, N x shape."""
        self.inputs[name] = self.shapes[name] = shape
        return name

    def output(self, name: str, value: Value, *shape: int) -> None:
        """An output, float32, N x shape."""
        from onnx import helper

        self.outputs[name] = shape
        self._nodes.append(helper.make_node("Identity", [self._shaped(value, shape)], [name], name=f"{name}_output"))

    def op(self, kind: str, *values: Value, **attributes: Any) -> Value:
        """The result of a node."""
        return self.results(1, kind, *values, **attributes)[0]

    def results(self, count: int, kind: str, *values: Value, **attributes: Any) -> list[Value]:
        """The first `count` results of a node that has several."""
        from onnx import helper

        key = (count, kind, values, json.dumps(attributes, sort_keys=True))
        name = self._known.get(key, f"{kind.lower()}_{len(self._nodes)}")
        names = [name, *(f"{name}_{number}" for number in range(1, count))]
        if key not in self._known:
            self._nodes.append(helper.make_node(kind, list(values), names, name=name, **attributes))
            self._known[key] = name
        return names

    def numbers(self, values: Any, kind: Any = np.float32) -> Value:
        """Constant numbers."""
        from onnx import numpy_helper

        array = np.array(values, kind, order="C")
        key = (str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._known:
            self._known[key] = name = f"numbers_{len(self._initialisers)}"
            self._initialisers[name] = numpy_helper.from_array(array, name)
        return self._known[key]

    def weight(self, values: Array, axis: int = 0, precision: Precision | None = None) -> Value:
        """Constant numbers that are many, stored with the precision of the graph, or with another one.

        Args:
            values: any shape. Those of one dimension are few numbers, on which much depends: they stay float32.
            axis: of the outputs: int8 has a scale for each.
            precision: by default that of the graph.

        Raises:
            UserError: a number is not finite.
        """
        from onnx import TensorProto

        array, precision = np.asarray(values, np.float32), precision or self.precision
        if not np.isfinite(array).all():
            raise UserError(NOT_FINITE)
        if array.ndim < 2 or precision == "float32" or (precision == "float16" and np.abs(array).max() > LARGEST_FLOAT16):
            return self.numbers(array)
        if precision == "float16":
            return self.op("Cast", self.numbers(array, np.float16), to=TensorProto.FLOAT)
        others = tuple(number for number in range(array.ndim) if number != axis)
        scales = np.maximum(np.abs(array).max(others, keepdims=True), 1e-12) / np.float32(LARGEST_INT8)
        whole = self.op("Cast", self.numbers(np.rint(array / scales), np.int8), to=TensorProto.FLOAT)
        return self.op("Mul", whole, self.numbers(scales))  # constant: computed once, as the file is opened, which DequantizeLinear is not

    def program(self, program: Program, inputs: Sequence[Value]) -> list[Value]:
        """What a network computes of some values."""
        values = dict(enumerate(inputs))
        for op in program.ops:
            taken = [values[number] for number in op.inputs]
            value = self._computed(op, self._shaped(taken[0], op.takes), taken[1:], program.tensors)
            if op.activation:
                slope = {"alpha": op.slope} if op.activation == "leaky_relu" else {}
                value = self.op(NAMES[op.activation], value, **slope)
            values[op.output] = value
            self.shapes[value] = op.shape
        return [values[number] for number in program.outputs]

    def _computed(self, op: Op, value: Value, others: Sequence[Value], tensors: Mapping[str, Tensor]) -> Value:
        """The result of one operation, before its activation."""
        parts = {what: tensors[name].detach().cpu().numpy() for what, name in op.tensors.items()}
        if op.kind in ("add", "concat"):
            return self.op("Add", value, *others) if op.kind == "add" else self.op("Concat", value, *others, axis=1)
        if op.kind == "linear":
            return self.op("Gemm", value, self.weight(parts["weight"]), self.weight(parts["bias"]), transB=1)
        if op.kind == "affine":
            form = (-1, *[1] * (len(op.takes) - 1))
            scale, shift = (self.numbers(parts[what].reshape(form)) for what in ("scale", "shift"))
            return self.op("Add", self.op("Mul", value, scale), shift)
        if op.kind == "activation":
            return value
        strides, pads = [op.stride] * 2, [op.padding] * 4
        if op.kind == "conv":
            return self.op("Conv", value, self.weight(parts["weight"]), self.weight(parts["bias"]), strides=strides, pads=pads)
        kernel = parts["weight"].shape[2:]
        sides = zip(op.takes[1:], op.shape[1:], kernel, strict=True)
        more = [there - ((here - 1) * op.stride - 2 * op.padding + side) for here, there, side in sides]
        weight = self.weight(parts["weight"].swapaxes(0, 1), axis=1)
        return self.op("ConvTranspose", value, weight, self.weight(parts["bias"]), strides=strides, pads=pads, output_padding=more)

    def _shaped(self, value: Value, shape: Shape) -> Value:
        """The same numbers in another shape, image by image."""
        if self.shapes.get(value, shape) == tuple(shape):
            return value
        return self.op("Reshape", value, self.numbers([0, *shape], np.int64))  # 0 is the batch, as it comes

    def model(self, name: str, about: Mapping[str, Any]) -> Any:
        """The finished model, an onnx.ModelProto.

        Args:
            name: of the graph.
            about: what the file says of itself: in its metadata, as JSON.
        """
        import onnx
        from onnx import TensorProto, helper

        inputs, outputs = (
            [helper.make_tensor_value_info(one, TensorProto.FLOAT, [BATCH, *shape]) for one, shape in those.items()]
            for those in (self.inputs, self.outputs)
        )
        graph = helper.make_graph(self._nodes, name, inputs, outputs, list(self._initialisers.values()))
        model = helper.make_model(graph, producer_name="vaegan", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        helper.set_model_props(model, {"vaegan": json.dumps(about)})
        onnx.checker.check_model(model, full_check=True)
        return model
