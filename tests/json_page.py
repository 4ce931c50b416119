"""docs/json.md, made from the classes of the results: python -m tests.json_page > docs/json.md."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import docstring_parser

import vaegan
from vaegan.api.data import ScannedImages
from vaegan.cli.commands import COMMANDS
from vaegan.plan import Plan
from vaegan.result import Result, json_names

HEAD = """# JSON

With `--json`, a command prints one JSON object on standard output, and nothing else. Bars, notes and errors go to standard error.
In Python, the same object is `result.to_dict()`. NaN and infinity are `null`.

With `--jsonl`, `runs`, `score`, `search`, `project`, `reconstruct` and `attributes` print one object on each line: the items of `rows`.
`encode` prints the `name`, the `mean` and the `logvar` of each image. Lines come as soon as they are known, some images after the other.
The lines of `attributes` come at the end, because all directions are learned together. Those of `search --by similarity` do, too, because
one pass through the set serves all images, and the nearest are known only at its end.

    vaegan score runs/mine new-photos --jsonl | jq 'select(.over)'
    vaegan evaluate runs/mine --json | jq .numbers.samples_precision_efficientnet

The exit code says whether it worked: 0 if it did, 2 if something in what you asked for is wrong. `score` has a row for every file, also for
one that could not be read, and its exit code is then 2. `runs --json` prints the list of its `rows` alone. `train --dry-run --json` prints
the object below, and its exit code is 2 if there are `problems`.

The names below stay as they are. Later versions may add names. `tests/test_json_page.py` compares this page with the code.
"""

SPREAD = {"machine": ("processor", "device", "cores", "threads", "torch", "precision", "seconds", "rounds", "gate", "date")}
"""A field of `bench` whose own names stand in its place."""
MORE: dict[type[Result], tuple[str, ...]] = {Plan: ("parameters", "images")}
"""Properties that are in `to_dict`, too."""


def classes_of(function: Any) -> list[type[Result]]:
    """The classes of what a function gives back."""
    names = str(inspect.signature(function).return_annotation).split(" | ")
    module = sys.modules[inspect.unwrap(function).__module__]
    return [getattr(module, name) for name in names]


def fields(kind: type[Result]) -> Iterator[tuple[str, str]]:
    """The names that JSON has of a result, and what they are, for a table in Markdown."""
    docs: dict[str, str] = {}
    for base in [base for base in reversed(kind.__mro__) if base.__module__.startswith("vaegan")]:
        docs |= {one.arg_name: one.description or "" for one in docstring_parser.parse_from_object(base).params}
    docs |= {name: getattr(kind, name).__doc__ for name in MORE.get(kind, ())}
    for name in [*json_names(kind), *MORE.get(kind, ())]:
        assert docs.get(name), f"{kind.__name__}.{name} has no docstring"
        yield name, " ".join(docs[name].split()).replace("|", r"\|")


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    found = [(f"vaegan {one.name}", kind) for one in COMMANDS for kind in classes_of(getattr(vaegan, one.name.replace("-", "_")))]
    titles: dict[type[Result], list[str]] = {}
    found += [("vaegan prepare --scan", ScannedImages), ("vaegan train --dry-run", Plan)]
    for title, kind in found:
        titles.setdefault(kind, []).append(f"`{title}`")
    for kind, those in titles.items():
        about = (kind.__doc__ or "").splitlines()[0]
        rows = "".join(f"| {', '.join(f'`{one}`' for one in SPREAD.get(name, (name,)))} | {about} |\n" for name, about in fields(kind))
        parts.append(f"\n## {', '.join(those)}\n\n{about}\n\n| name | what it is |\n| --- | --- |\n{rows}")
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
