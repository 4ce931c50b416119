"""The two graphs of codes: prior, which draws them, and edit, which moves them along the directions of attributes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from ..latent.directions import Directions
from ..models.prior import Mixture
from ..models.vaegan import MOST_DEVIATION, VAEGAN
from .graph import Graph, Value

FLOAT, INT64, DOUBLE = 1, 7, 11
"""As ONNX numbers them."""
SMALLEST = 1e-12
"""A variance, above 0 whatever rounding does."""


def edit_graph(directions: Directions) -> Graph:
    """Codes and strengths, N x attributes -> codes with attributes added or taken away, one after the other: see `Directions.edit`."""
    graph, count = Graph(), len(directions.names)
    vectors, probes, offsets = (graph.numbers(part.numpy()) for part in (directions.vectors, directions.probes.T, directions.offsets))
    codes, strengths = graph.input("codes", directions.vectors.shape[1]), graph.input("strengths", count)
    op, nothing = graph.op, graph.numbers(0)
    for number in range(count):
        own = np.zeros(count, np.float32)
        own[number] = float(directions.lengths[number])
        there = op("Clip", op("Add", op("MatMul", codes, probes), offsets), nothing, graph.numbers(1))
        strength = op("Gather", strengths, graph.numbers([number], np.int64), axis=1)
        with_it = op("Mul", there, graph.numbers(-own - directions.exclusive[number].numpy()))
        added, taken = op("Add", with_it, graph.numbers(own)), op("Mul", there, graph.numbers(own))
        changes = op("Mul", op("Where", op("Greater", strength, nothing), added, taken), strength)
        codes = op("Add", codes, op("MatMul", changes, vectors))
    graph.output("edited_codes", codes, directions.vectors.shape[1])
    return graph


class PriorGraph(Graph):
    """Normal noise and a uniform number for each code [and attributes] -> codes of the fitted prior.

    Without attributes, these are those of `Mixture.codes`. Given attributes, their distribution is the same, but ONNX has no Cholesky
    factors, so it is reached in another way: noise is latent + attributes numbers, a code is drawn together with attributes, and then both
    are moved by what the attributes are off: conditioning by kriging, or Matheron's rule (Doucet 2010, "A note on efficient conditional
    simulation of Gaussian vectors"). This is done for one known attribute after the other. All of it is in float64, as in the package.
    """

    def __init__(self, model: VAEGAN, prior: Mixture) -> None:
        """Of a model and its prior."""
        super().__init__()
        self._latent, self._attributes = prior.latent, prior.attributes
        noise, uniform = self.input("noise", prior.latent + prior.attributes), self.input("uniform")
        known = values = ""
        if prior.attributes:
            known, values = self._known_attributes(model.attribute_mean, model.attribute_scale)
        order = [*range(prior.latent, prior.latent + prior.attributes), *range(prior.latent)]  # attributes first: each is dropped once used
        rows = prior.factors[:, order]
        covariances = (rows @ rows.mT)[:, :, : prior.attributes]
        component = self._component(uniform, self._limits(prior, covariances[:, : prior.attributes], known, values))
        factors = self._double(self.numbers(rows.numpy()))
        is_shared = len(rows) == 1
        moved = self.op("MatMul", factors if is_shared else self.op("Gather", factors, component), self._unsqueezed(self._double(noise), 2))
        means = self.numbers(prior.means[:, order, None].numpy(), np.float64)
        point = self.op("Add", self.op("Gather", means, component), moved)  # N x D x 1
        if prior.attributes:
            covariance = self.numbers(covariances.numpy(), np.float64)
            covariance = covariance if is_shared else self.op("Gather", covariance, component)
            point = self._conditioned(point, covariance, known, values)
        self.output("codes", self.op("Cast", self.op("Squeeze", point, self._whole([2])), to=FLOAT), prior.latent)

    def _known_attributes(self, mean: Tensor, scale: Tensor) -> tuple[Value, Value]:
        """1 for those that are known, and else 0; and standardised values, 0 for those that are not known: each N x A."""
        attributes, (middle, unit) = (
            self.input("attributes", self._attributes),
            (self.numbers(part.cpu().numpy()) for part in (mean, scale)),
        )
        unknown = self.op("IsNaN", attributes)
        off = self.op("Div", self.op("Sub", self.op("Where", unknown, middle, attributes), middle), unit)
        limited = self.op("Clip", off, self.numbers(-MOST_DEVIATION), self.numbers(MOST_DEVIATION))
        return self._double(self.op("Not", unknown)), self._double(limited)

    def _limits(self, prior: Mixture, covariances: Tensor, known: Value, values: Value) -> Value:
        """Between the uniform numbers of one component and of the next, given the attributes: N x (K - 1).

        Of each attribute after the other, this is the density given those before it that are known. Variances and gains depend only on
        which attributes are known: they are computed once for each of P such patterns. Only what values are off is N x K x A.
        """
        log_chances = self.numbers(prior.weights.log()[None].numpy(), np.float64)  # 1 x K
        if prior.attributes:
            patterns, pattern = self._patterns(known)
            means = self.numbers(prior.means[:, prior.latent :, None].numpy(), np.float64)
            off = self.op("Sub", self._unsqueezed(values, 1, 3), means)  # N x K x A x 1
            covariance = self.numbers(covariances[None].numpy(), np.float64)  # P x K x A x A, of the attributes from `number` on
            distances, norms = [], []
        for number in range(prior.attributes):
            is_known = self._unsqueezed(self._part(patterns, [number], 1), 2, 3)
            row = self._part(covariance, [0], 2)
            variance = self.op("Max", self._part(row, [0], 3), self.numbers(SMALLEST, np.float64))
            here, precision = self._part(off, [0], 2), self.op("Div", is_known, variance)
            norms.append(self.op("Mul", self.op("Log", variance), is_known))
            distances.append(self.op("Mul", self.op("Mul", here, here), self.op("Gather", precision, pattern)))
            if number + 1 < prior.attributes:
                row = self._rest(row, 3)
                gain = self.op("Mul", self.op("Transpose", row, perm=[0, 1, 3, 2]), precision)
                off = self.op("Sub", self._rest(off, 2), self.op("Mul", self.op("Gather", gain, pattern), here))
                covariance = self.op("Sub", self._rest(covariance, 2, 3), self.op("MatMul", gain, row))
        if prior.attributes:
            off_by = self.op("Add", self.op("Sum", *distances), self.op("Gather", self.op("Sum", *norms), pattern))
            density = self.op("Mul", self.op("Squeeze", off_by, self._whole([2, 3])), self.numbers(-0.5, np.float64))
            log_chances = self.op("Add", log_chances, density)
        sums = self.op("CumSum", self.op("Softmax", log_chances, axis=1), self.numbers(1, np.int64))
        return self._part(sums, range(len(prior) - 1), 1)

    def _patterns(self, known: Value) -> tuple[Value, Value]:
        """Which attributes are known together, P x A, each pattern once; and the number of the pattern of each code: N."""
        patterns, _, pattern = self.results(3, "Unique", known, axis=0)
        return patterns, pattern

    def _component(self, uniform: Value, limits: Value) -> Value:
        """Which component each uniform number stands for: N."""
        above = self.op("Greater", self._unsqueezed(self._double(uniform), 1), limits)
        return self.op("ReduceSum", self.op("Cast", above, to=INT64), self._whole([1]), keepdims=0)

    def _conditioned(self, point: Value, covariance: Value, known: Value, values: Value) -> Value:
        """Codes, N x latent x 1, moved to where the attributes have their values.

        Args:
            point: N x D x 1: attributes, and behind them codes.
            covariance: that with attributes, N x D x A.
            known: see `_known_attributes`.
            values: the same.
        """
        for number in range(self._attributes):
            row = self._part(covariance, [0], 1)
            variance = self.op("Max", self._part(row, [0], 2), self.numbers(SMALLEST, np.float64))
            is_known, value = (self._unsqueezed(self._part(one, [number], 1), 2) for one in (known, values))
            gain = self.op("Mul", self.op("Div", self._rest(self._part(covariance, [0], 2), 1), variance), is_known)
            off = self.op("Sub", value, self._part(point, [0], 1))
            point = self.op("Add", self._rest(point, 1), self.op("Mul", gain, off))
            if number + 1 < self._attributes:
                covariance = self.op("Sub", self._rest(covariance, 1, 2), self.op("MatMul", gain, self._rest(row, 2)))
        return point

    def _double(self, value: Value) -> Value:
        return self.op("Cast", value, to=DOUBLE)

    def _whole(self, numbers: Iterable[int]) -> Value:
        return self.numbers(list(numbers), np.int64)

    def _part(self, value: Value, numbers: Iterable[int], axis: int) -> Value:
        return self.op("Gather", value, self._whole(numbers), axis=axis)

    def _rest(self, value: Value, *axes: int) -> Value:
        """All but the first along each of these axes."""
        ones = self._whole([1] * len(axes))
        return self.op("Slice", value, ones, self._whole([np.iinfo(np.int64).max] * len(axes)), self._whole(axes))

    def _unsqueezed(self, value: Value, *axes: int) -> Value:
        return self.op("Unsqueeze", value, self._whole(axes))
