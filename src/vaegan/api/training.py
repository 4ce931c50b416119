"""Recipes and speed: recipes, bench. `train` and `resume` are in workflow.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..recipe import Recipe, about, names
from ..result import PYTHON_ONLY, Result, as_json
from ..words import plain
from .notices import ShowProgress, Talk

if TYPE_CHECKING:
    from rich.console import Group

    from ..bench.results import BenchmarkResult

BENCH_RECIPE = "reference"


@dataclass(frozen=True)
class PackagedRecipe:
    """A recipe, and the settings in which it differs from the defaults."""

    name: str
    about: str
    differences: dict[str, tuple[Any, Any]]
    """Its value and the default one, by the name of the setting."""


@dataclass(frozen=True, repr=False)
class RecipeList(Result):
    """The recipes of this package."""

    rows: list[PackagedRecipe]
    """For each recipe: name; about, a sentence; differences, its value and the default one of each setting that differs."""

    def lines(self) -> list[str]:
        """Each recipe and its differences."""
        lines = []
        for row in self.rows:
            lines += [row.name, f"  {row.about}"]
            lines += [f"    {key}: {plain(here)}  (default {plain(there)})" for key, (here, there) in row.differences.items()]
        return lines


@dataclass(frozen=True, repr=False)
class RecipeSettings(Result):
    """All settings of a recipe."""

    name: str
    """The recipe, as it was named."""
    settings: dict[str, Any]
    """All settings, by their dotted names."""
    recipe: Recipe = field(metadata=PYTHON_ONLY)

    def lines(self) -> list[str]:
        """The recipe as YAML, with an explanation of each setting."""
        return self.recipe.to_yaml(documented=True).splitlines()


def recipes(name: str | Path | None = None) -> RecipeList | RecipeSettings:
    """List the recipes, or show all settings of one.

    Args:
        name: a recipe, or a YAML file.

    Raises:
        UserError: there is no such recipe.
    """
    if name:
        recipe = Recipe.load(name)
        return RecipeSettings(str(name), recipe.flat(), recipe)
    default = Recipe()
    return RecipeList([PackagedRecipe(one, about(one), Recipe.load(one).differences(default)) for one in names()])


@dataclass(frozen=True, repr=False)
class Benchmarks(Result):
    """How long a training step takes on this machine."""

    recipe: str
    """The recipe whose step was timed."""
    machine: dict[str, Any]
    """On what it was measured, and how. In JSON, these are fields beside results."""
    results: list[BenchmarkResult]
    """For each size and batch: size, batch; lines, the methods with ms a step, images_per_second, ratio, gflop_per_image, gflop_per_second,
    share_of_peak, memory_mb, rounds_ms; peak_gflop_per_second; convolutions_alone; loading; left_out."""

    def to_dict(self) -> dict[str, Any]:
        """The machine's fields stand beside the results."""
        return {"recipe": self.recipe, **as_json(self.machine), "results": as_json(self.results)}

    def table(self) -> Group:
        """A table for each size and batch, with its notes."""
        from rich.console import Group
        from rich.text import Text

        from ..bench.results import header, notes, table

        parts: list[Any] = [Text(line) for line in header({"recipe": self.recipe, **self.machine})]
        for result in self.results:
            parts += [table(result), *map(Text, notes(result))]
        return Group(*parts)


def bench(
    recipe: Recipe | str = BENCH_RECIPE,
    *,
    sizes: Sequence[int | tuple[int, int]] = (),
    batches: Sequence[int] = (),
    seconds: float = 8.0,
    device: str = "auto",
    progress: ShowProgress = None,
) -> Benchmarks:
    """Measure how long a training step takes on this machine, compared with the same step written as textbook code.

    Args:
        recipe: of everything but the images, which are random.
        sizes: sides of square images, or heights and widths; by default the recipe's.
        batches: images a step; by default the recipe's.
        seconds: how long each method is timed, at each size and batch.
        device: auto, cpu, cuda or mps.
        progress: see `vaegan.api.notices.ShowProgress`.

    Raises:
        UserError: something in this is wrong, or a batch does not fit into memory.
    """
    from ..bench import Benchmark

    settings = recipe if isinstance(recipe, Recipe) else Recipe.load(recipe)
    pairs = [(size, size) if isinstance(size, int) else size for size in sizes]
    benchmark = Benchmark(settings, pairs, batches, seconds=seconds, device=device)
    name = recipe if isinstance(recipe, str) else "a recipe"
    return Benchmarks(name, benchmark.about(), list(benchmark.results(Talk(progress).console)))
