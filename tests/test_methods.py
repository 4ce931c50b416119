"""The functions that work on a run are methods of it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import torch

import vaegan
from vaegan import methods
from vaegan.methods import METHODS, RunMethods

from .tiny import tiny


def test_a_method_is_the_function_of_its_name(run_on_photos: Path) -> None:
    run = vaegan.Run.open(run_on_photos)
    assert torch.equal(run.sample(3, seed=1).images, vaegan.sample(run_on_photos, 3, seed=1).images)
    assert vaegan.Run.sample is vaegan.sample
    for name in METHODS:
        function = inspect.unwrap(getattr(vaegan, name))
        _, *parameters = inspect.signature(function).parameters.values()
        assert list(inspect.signature(getattr(run, name)).parameters.values()) == parameters
        assert inspect.getdoc(getattr(run, name)) == inspect.getdoc(function)
        assert name in dir(run)


def test_a_run_resumes_and_reports(tmp_path: Path) -> None:
    vaegan.train(tiny(training__length="2 steps"), tmp_path / "run", device="cpu", report=False)
    run = vaegan.Run.open(tmp_path / "run")
    assert run.recipe.training.length == "2 steps"
    run.resume(tiny(training__length="4 steps"), device="cpu", report=False, progress=False)
    assert vaegan.runs(tmp_path)[0].step == 4
    assert run.recipe.training.length == "4 steps"
    assert run.report().files == [run.report_file]
    assert run.data.source == "avatars", "the settings of its images are no function"


def test_type_checkers_see_the_same_methods() -> None:
    tree = ast.parse(Path(methods.__file__).read_text())
    (kind,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == RunMethods.__name__)
    (only,) = (node for node in kind.body if isinstance(node, ast.If))
    assert tuple(ast.unparse(node).partition(" ")[0] for node in only.body) == METHODS
