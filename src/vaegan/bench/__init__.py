"""`vaegan bench`: how long a training step takes here, beside the same step as it is usually written."""

from .benchmark import Benchmark
from .results import BenchmarkResult, ContenderResult

__all__ = ["Benchmark", "BenchmarkResult", "ContenderResult"]
