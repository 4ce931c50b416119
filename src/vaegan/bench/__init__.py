"""`vaegan bench`: how long a training step takes here, beside the same step as it is usually written."""

from ..callable_package import make_callable
from .benchmark import Benchmark
from .results import BenchmarkResult, ContenderResult

__all__ = ["Benchmark", "BenchmarkResult", "ContenderResult"]

make_callable(__name__)
