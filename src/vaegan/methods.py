"""The functions that work on a run as methods of it: `run.sample(16)` is `vaegan.sample(run, 16)`."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.attributes import attributes as _attributes
    from .api.edit import arithmetic as _arithmetic
    from .api.edit import edit as _edit
    from .api.encode import encode as _encode
    from .api.encode import project as _project
    from .api.evaluate import evaluate as _evaluate
    from .api.export import export as _export
    from .api.hub import push as _push
    from .api.look import convergence as _convergence
    from .api.look import reconstruct as _reconstruct
    from .api.look import report as _report
    from .api.look import sample as _sample
    from .api.morph import interpolate as _interpolate
    from .api.morph import walk as _walk
    from .api.prior import fit_prior as _fit_prior
    from .api.score import score as _score
    from .api.search import search as _search
    from .api.studio import studio as _studio
    from .workflow import resume as _resume


class Method:
    """A function of this package, imported when it is asked for, because most take torch. Its signature and its help are the function's."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: Any, kind: type) -> Any:
        """The function, with the run as its first argument; asked of the class, the function itself."""
        function = inspect.unwrap(getattr(import_module(__package__), self.name))  # packages that are functions wrap these
        return function if run is None else MethodType(function, run)


class RunMethods:
    """What a run can do. To add a function, write its line here and its name in `METHODS`."""

    if TYPE_CHECKING:  # for editors and type checkers
        arithmetic = _arithmetic
        attributes = _attributes
        convergence = _convergence
        edit = _edit
        encode = _encode
        evaluate = _evaluate
        export = _export
        fit_prior = _fit_prior
        interpolate = _interpolate
        project = _project
        push = _push
        reconstruct = _reconstruct
        report = _report
        resume = _resume
        sample = _sample
        score = _score
        search = _search
        studio = _studio
        walk = _walk


METHODS = (
    "arithmetic",
    "attributes",
    "convergence",
    "edit",
    "encode",
    "evaluate",
    "export",
    "fit_prior",
    "interpolate",
    "project",
    "push",
    "reconstruct",
    "report",
    "resume",
    "sample",
    "score",
    "search",
    "studio",
    "walk",
)
for _name in METHODS:
    setattr(RunMethods, _name, Method(_name))
