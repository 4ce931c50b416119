"""`vaegan bench`: how long a training step takes here, beside the same step as it is usually written."""

from .benchmark import Benchmark
from .results import Line, Result

__all__ = ["Benchmark", "Line", "Result"]
