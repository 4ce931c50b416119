"""Where code lives, and that imports run one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import vaegan

LAYERS = (
    {"callable_package", "errors", "evenly_spaced", "progress", "result", "signals", "this_process", "words"},
    {"files", "old_names", "settings", "threads"},
    {"parse_settings"},
    {"", "viz"},  # the package itself, which gives its version to metrics and experiments
    {"data"},
    {"hub"},
    {"pretrained"},
    {"models", "recipe"},
    {"losses", "run"},
    {"list_runs", "metrics", "training"},
    {"bench", "latent"},
    {"report"},
    {"studio"},
    {"finish"},
    {"begin"},
    {"workflow"},
    {"experiments", "plan"},
    {"api"},
    {"cli"},
    {"__main__"},
)
"""Modules and packages, from the lowest to the highest."""
MOST_LINES, FEWEST_LINES = 500, 15
SHORT = {"__init__.py", "__main__.py"}

PACKAGE = Path(vaegan.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """vaegan.data.prepare of .../data/prepare.py, vaegan.data of .../data/__init__.py."""
    parts = ("vaegan", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not for_types_only(child):
            yield from inside(child)


def imports(name: str) -> set[str]:
    """The modules of the package that one imports, also within functions. A name that a package hands on counts as of its own module."""
    path = MODULES[name]
    found = set()
    for node in inside(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for _ in range(node.level - 1):
            package = package.rpartition(".")[0]
        base = ".".join(filter(None, [package if node.level else "", node.module or ""]))
        for alias in node.names:
            where = origin(base, alias.name)
            if where in MODULES and where != name:
                found.add(where)
    return found


def origin(module: str, name: str) -> str:
    """The module that a name comes from, where `module` hands it on."""
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    if module in MODULES and MODULES[module].name == "__init__.py":
        for node in ast.parse(MODULES[module].read_text()).body:
            if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
                return f"{module}.{node.module}" if node.level else module
    return module


def test_no_code_lives_in_an_init_file() -> None:
    for path in FILES:
        if path.name == "__init__.py" and path.parent != PACKAGE:
            tree = ast.parse(path.read_text())
            assert not [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))], path


def test_no_circle_of_imports() -> None:
    graph = {name: imports(name) for name in MODULES}
    while leaves := [name for name, needed in graph.items() if not needed & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"these import each other: {sorted(graph)}"


def test_imports_run_one_way() -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}

    def part(module: str) -> str:
        return module.split(".")[1] if "." in module else ""

    assert {part(module) for module in MODULES} == set(layer)
    upwards = {
        f"{module} imports {other}"
        for module in MODULES
        for other in imports(module)
        if part(module) not in ("", part(other)) and layer[part(other)] >= layer[part(module)]
    }
    assert not upwards


def test_files_have_one_reason_to_be() -> None:
    """A file that is very long has several; one that is very short is a part of another."""
    lines = {path: len(path.read_text().splitlines()) for path in FILES}
    assert not [path for path, count in lines.items() if count > MOST_LINES]
    assert not [path for path, count in lines.items() if count < FEWEST_LINES and path.name not in SHORT]
