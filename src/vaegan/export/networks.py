"""The graphs of a model: prior, decoder, encoder, reconstruct, edit and score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch

from ..latent.anomaly import COMBINED, MEASUREMENTS, Calibration, Scorer
from ..latent.directions import Directions
from ..latent.measurements import LEAST
from ..models.vaegan import MOST_DEVIATION, VAEGAN
from ..studio.contents import Maps
from ..studio.program import Program, trace
from ..studio.weights import Precision
from .codes import PriorGraph, edit_graph
from .graph import Graph, Value

MAPS = [2, 3]
"""The axes of a feature map's places."""


class GraphMaker:
    """Makes the graphs of a model."""

    def __init__(self, model: VAEGAN, scorer: Scorer | None, directions: Directions | None, precision: Precision) -> None:
        """Trace the networks of a model, once for all graphs.

        Args:
            model: in evaluation mode.
            scorer: the calibration of the score, if there is one.
            directions: of attributes, if there are any.
            precision: how weights are stored.

        Raises:
            UserError: a network has an operation that is not known.
        """
        self._model, self._scorer, self._precision = model, scorer, precision
        a = self._architecture = model.architecture
        code, image = torch.zeros(1, a.latent), torch.zeros(1, a.channels, *a.size)
        conditions = (torch.zeros(1, len(a.attributes)),) if model.conditional else ()
        self._decoder = trace(model.decoder, (code, *conditions), "decoder.")
        self.graphs: dict[str, Callable[[], Graph]] = {}
        """What makes the graph of each file."""
        if model.prior is not None:
            self.graphs["prior"] = partial(PriorGraph, model, model.prior)
        self.graphs["decoder"] = self.decoder
        if "encoder" in model.untrained:
            return
        self._encoder = trace(model.encoder, (image, *conditions), "encoder.")
        self.graphs |= {"encoder": self.encoder, "reconstruct": self.reconstruct}
        if directions is not None and directions.names:
            self.graphs["edit"] = partial(edit_graph, directions)
        if "discriminator" not in model.untrained:
            self._maps: Program = trace(Maps(model.discriminator).eval(), (image,), "maps.")
            self.graphs["score"] = self.score

    def encoder(self) -> Graph:
        """Images [and attributes] -> mean and logvar of the posterior."""
        graph = Graph(self._precision)
        mean, logvar = graph.program(self._encoder, [self._images(graph), *self._conditions(graph)])
        graph.output("mean", mean, self._architecture.latent)
        graph.output("logvar", logvar, self._architecture.latent)
        return graph

    def decoder(self) -> Graph:
        """Codes [and attributes] -> images."""
        graph = Graph(self._precision)
        codes = graph.input("codes", self._architecture.latent)
        (images,) = graph.program(self._decoder, [codes, *self._conditions(graph)])
        graph.output("images", images, *self._shape)
        return graph

    def reconstruct(self) -> Graph:
        """Images [and attributes] -> their reconstructions, by way of the posterior mean."""
        graph = Graph(self._precision)
        images, conditions = self._images(graph), self._conditions(graph)
        mean, _ = graph.program(self._encoder, [images, *conditions])
        (reconstructions,) = graph.program(self._decoder, [mean, *conditions])
        graph.output("reconstructions", reconstructions, *self._shape)
        return graph

    def score(self) -> Graph:
        """Images -> what `vaegan score` says of them; without a calibration, what does not need one.

        The formulas are those of `vaegan.latent.measurements` and `vaegan.latent.anomaly`.
        """
        graph, model = Graph(self._precision), self._model
        op, images = graph.op, self._images(graph)
        unknown = [_zeros(graph, images, len(self._architecture.attributes))] if model.conditional else []
        mean, logvar = graph.program(self._encoder, [images, *unknown])
        (reconstructions,) = graph.program(self._decoder, [mean, *unknown])
        maps, others = (graph.program(self._maps, [one]) for one in (images, reconstructions))
        errors = [_square(graph, op("Sub", one, other)) for one, other in zip(maps, others, strict=True)]
        level = model.level if self._scorer is None else self._scorer.level
        of_level = errors[list(model.discriminator.levels).index(level)]
        error = op("ReduceSum", of_level, graph.numbers([1], np.int64), keepdims=0)
        off = _square(graph, op("Sub", reconstructions, images))
        measured = {
            "similarity": op("Mul", op("ReduceSum", error, graph.numbers([1, 2], np.int64), keepdims=0), graph.numbers(0.5)),
            "pixel": op("ReduceMean", off, axes=[1, 2, 3], keepdims=0),
            "prior": op("Max", op("ReduceSum", _kl(graph, mean, logvar), graph.numbers([1], np.int64), keepdims=0), graph.numbers(0)),
        }
        times = error
        if self._scorer is not None:
            statistics = [part for pair in zip(maps, errors, strict=True) for part in _statistics(graph, *pair)]
            raw = {"code": mean, "features": op("Concat", *statistics, axis=1)}
            times = op("Div", error, graph.numbers(self._scorer.calibration.limit))
            measured |= {name: _distance(graph, value, self._scorer.calibration, name) for name, value in raw.items()}
            measured["map"] = op("ReduceMax", times, axes=[1, 2], keepdims=0)
            combined = _combined(graph, measured, self._scorer.calibration)
            graph.output("p", _p_values(graph, combined, self._scorer))
            graph.output("combined", combined)
        for name in MEASUREMENTS:
            if name in measured:
                graph.output(name, measured[name])
        graph.output("error_map" if self._scorer is None else "anomaly_map", self._enlarged(graph, times), *self._architecture.size)
        graph.output("reconstructions", reconstructions, *self._shape)
        return graph

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (self._architecture.channels, *self._architecture.size)

    def _images(self, graph: Graph) -> Value:
        return graph.input("images", *self._shape)

    def _conditions(self, graph: Graph) -> list[Value]:
        """Of a conditional model, those of attributes, which are an input; see `VAEGAN.conditions`."""
        if not self._model.conditional:
            return []
        attributes = graph.input("attributes", len(self._architecture.attributes))
        mean, scale = (graph.numbers(part.cpu().numpy()) for part in (self._model.attribute_mean, self._model.attribute_scale))
        known = graph.op("Where", graph.op("IsNaN", attributes), mean, attributes)  # so that 0 stands for what is not known
        standard = graph.op("Div", graph.op("Sub", known, mean), scale)
        return [graph.op("Clip", standard, graph.numbers(-MOST_DEVIATION), graph.numbers(MOST_DEVIATION))]

    def _enlarged(self, graph: Graph, maps: Value) -> Value:
        """N x h x w -> N x H x W, bilinear."""
        one = graph.op("Unsqueeze", maps, graph.numbers([1], np.int64))
        batch = graph.op("Slice", graph.op("Shape", one), graph.numbers([0], np.int64), graph.numbers([2], np.int64))
        sizes = graph.op("Concat", batch, graph.numbers(self._architecture.size, np.int64), axis=0)
        large = graph.op("Resize", one, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")
        return graph.op("Squeeze", large, graph.numbers([1], np.int64))


def _zeros(graph: Graph, images: Value, count: int) -> Value:
    """N x count."""
    batch = graph.op("Slice", graph.op("Shape", images), graph.numbers([0], np.int64), graph.numbers([1], np.int64))
    return graph.op("Expand", graph.numbers(np.zeros((1, count))), graph.op("Concat", batch, graph.numbers([count], np.int64), axis=0))


def _square(graph: Graph, value: Value) -> Value:
    return graph.op("Mul", value, value)


def _log(graph: Graph, value: Value) -> Value:
    return graph.op("Log", graph.op("Add", value, graph.numbers(LEAST)))


def _kl(graph: Graph, mean: Value, logvar: Value) -> Value:
    """See `vaegan.losses.kl`: N x latent."""
    sum_ = graph.op("Sub", graph.op("Add", _square(graph, mean), graph.op("Exp", logvar)), graph.op("Add", logvar, graph.numbers(1)))
    return graph.op("Mul", sum_, graph.numbers(0.5))


def _statistics(graph: Graph, maps: Value, errors: Value) -> list[Value]:
    """Three numbers for each of N x F x h x w maps and the squared errors in them, each N x F."""
    off = graph.op("Sub", maps, graph.op("ReduceMean", maps, axes=MAPS, keepdims=1))
    area = math.prod(graph.shapes[maps][1:])
    variance = graph.op("Div", graph.op("ReduceSumSquare", off, axes=MAPS, keepdims=0), graph.numbers(area - 1))
    deviation = graph.op("Sqrt", variance)
    means = [graph.op("ReduceMean", one, axes=MAPS, keepdims=0) for one in (maps, errors)]
    return [means[0], _log(graph, deviation), _log(graph, means[1])]


def _distance(graph: Graph, value: Value, calibration: Calibration, name: str) -> Value:
    """See `Gaussian.distance`. The matrix has many numbers: it is rounded, too, but never to int8."""
    fitted = calibration.fitted[name]
    standard = graph.op("Div", graph.op("Sub", value, graph.numbers(fitted.mean)), graph.numbers(fitted.scale))
    whitening = graph.weight(fitted.whitening, precision="float32" if graph.precision == "float32" else "float16")
    return graph.op("ReduceL2", graph.op("MatMul", standard, whitening), axes=[1], keepdims=0)


def _combined(graph: Graph, measured: Mapping[str, Value], calibration: Calibration) -> Value:
    standard = []
    for name, median, deviation in zip(COMBINED, *calibration.spread, strict=True):
        off = graph.op("Sub", _log(graph, measured[name]), graph.numbers(median))
        standard.append(graph.op("Div", off, graph.numbers(deviation)))
    return graph.op("Max", *standard)


def _p_values(graph: Graph, combined: Value, scorer: Scorer) -> Value:
    """Ranks among normal images."""
    one = graph.op("Unsqueeze", combined, graph.numbers([1], np.int64))
    as_foreign = graph.op("Cast", graph.op("GreaterOrEqual", graph.numbers(scorer.ranked), one), to=1)
    count = graph.op("ReduceSum", as_foreign, graph.numbers([1], np.int64), keepdims=0)
    return graph.op("Div", graph.op("Add", count, graph.numbers(1)), graph.numbers(len(scorer.ranked) + 1))
