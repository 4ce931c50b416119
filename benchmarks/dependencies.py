"""What each dependency of the package weighs in this environment, as the table of docs/install.md.

    python benchmarks/dependencies.py    # Python 3.11 or newer

The size of a package is that of the files that its installation wrote. What leaving a dependency out would save is the size of all packages
that no other dependency needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


@cache
def find(name: str) -> Distribution | None:
    """A package that is installed here."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def named(requirements: Iterable[str]) -> set[str]:
    """The packages of requirements, without those of extras and of other systems."""
    parsed = map(Requirement, requirements)
    return {one.name.lower().replace("_", "-") for one in parsed if not one.marker or one.marker.evaluate({"extra": ""})}


def closure(names: Iterable[str]) -> set[str]:
    """Packages with all that they need."""
    known: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        package = find(name)
        if package and name not in known:
            known.add(name)
            waiting += named(package.requires or [])
    return known


@cache
def megabytes(name: str) -> float:
    """The size of the files of one."""
    package = find(name)
    paths = [Path(str(file.locate())) for file in (package.files or [])] if package else []
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def total(names: Collection[str]) -> float:
    """The size of several."""
    return sum(map(megabytes, names))


def main() -> None:
    """Print the table, the largest first."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    direct = named(project["dependencies"])
    everything = closure(direct)
    print("| dependency | MB | MB that leaving it out would save |\n| --- | ---: | ---: |")
    print(f"| all, {len(everything)} packages | {total(everything):.0f} | |")
    for name in sorted(direct, key=megabytes, reverse=True):
        saved = everything - closure(direct - {name})
        print(f"| {name} | {megabytes(name):.1f} | {total(saved):.1f} |")
    for extra, requirements in project["optional-dependencies"].items():
        wanted = named(requirements)
        missing = "".join(f", without {name}, which is not here" for name in sorted(wanted) if not find(name))
        more = closure(wanted) - everything
        print(f"| vaegan[{extra}], {len(more)} packages more{missing} | {total(more):.0f} | |")


if __name__ == "__main__":
    main()
