"""Things are called by the field's words, and each class name has one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_layout import FILES, PACKAGE

PRIVATE = {"told", "given", "kept", "apart", "turns", "chosen", "terms", "cloud", "board", "carried", "places", "players"}
"""Words that say nothing to a reader who has not met them, as a part of any name."""
PRIVATE_NAMES = {"Numbers", "Open", "prior_weight", "floor"}
"""Whole names; as an attribute, floor is numpy's or torch's."""
FAMILIES = {"Encoder", "Decoder", "Discriminator"}
"""Classes that each family of networks has."""


def names(tree: ast.AST) -> Iterator[str]:
    """The names of functions, classes, arguments, variables, attributes and imported modules."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.arg, ast.keyword)):
            yield node.arg or ""
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute) and node.attr != "floor":
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from (part for name in (node.name, node.asname or "") for part in name.split("."))


def parts(name: str) -> set[str]:
    """tensor and board of TensorBoard; most and kept of MOST_KEPT."""
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def private(name: str) -> bool:
    return bool(parts(name) & PRIVATE) or name in PRIVATE_NAMES


@pytest.mark.parametrize("name", ["told", "_codes_given", "MOST_KEPT", "TensorBoard", "Numbers", "openPlaces", "prior_weight"])
def test_private_names_are_found(name: str) -> None:
    assert private(name)
    assert not private("open")


def test_names_are_the_fields() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in FILES
        for name in (path.stem, *names(ast.parse(path.read_text())))
        if private(name)
    }
    assert not found


def test_a_class_name_has_one_meaning() -> None:
    defined: dict[str, list[Path]] = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].append(path)
    assert not {name: paths for name, paths in defined.items() if len(paths) > 1 and name not in FAMILIES}
