"""Packages that can be called, because a command has their name: `vaegan.data`, `vaegan.doctor`, `vaegan.export`, `vaegan.report`,
`vaegan.studio` and `vaegan.bench`.

`vaegan.data("my-photos")` is the function `data` of vaegan/api/data.py, and `vaegan.data.ImageSet` is in the package vaegan/data.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package that is also the function of its name."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function; see `help` of it."""
        return self.__wrapped__(*arguments, **named)

    @property
    def __wrapped__(self) -> Any:
        """The function, which `help` and `inspect.signature` show."""
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"vaegan.api.{MODULES[name]}"), name)


MODULES = {"bench": "training", "data": "data", "doctor": "doctor", "export": "export", "report": "look", "studio": "studio"}
"""The packages, and where their functions are in vaegan/api."""


def make_callable(package: str) -> None:
    """Let a package of `MODULES` be called, from its __init__.py."""
    sys.modules[package].__class__ = CallablePackage
