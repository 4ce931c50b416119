"""What a shell completes: names of recipes, folders of runs, and directions of a run. Nothing here imports torch: a person waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

PRINCIPAL = 10
"""The number of principal directions, as in latent/principal.py, without waiting for torch."""
LARGEST_HEADER = 10_000_000
"""Bytes of the names in attributes.safetensors, above which it is no such file."""


def completed(completer: Callable[[CompletionContext], Any], **more: Any) -> Parameter:
    """A parameter that a shell completes, where cyclopts can: from its version 5, which needs Python 3.11."""
    known: dict[str, Any] = {"completer": completer} if hasattr(Parameter(), "completer") else {}
    return Parameter(**known, **more)


class App(cyclopts.App):
    """A parser whose script for bash leaves the names of files to bash, which knows where a folder goes on."""

    def generate_completion(self, **named: Any) -> str:
        """The script; see `cyclopts.App.generate_completion`."""
        script = super().generate_completion(**named)
        if not script.startswith("# Bash"):
            return script
        return script.replace('COMPREPLY=( $(compgen -f -- "${cur}") )', "COMPREPLY=()").replace("complete -F", "complete -o default -F")


def run_folders(context: CompletionContext) -> Iterator[str]:
    """The runs in the folder that is being typed, and in the folder runs."""
    from ..recipe import RUNS
    from ..run import Run

    head = os.path.split(context.incomplete)[0]
    for folder in (head, *(() if head else (str(RUNS),))):
        whole = Path(folder).expanduser()
        for path in sorted(whole.iterdir()) if whole.is_dir() else ():
            if Run(path).is_run:
                yield os.path.join(folder, path.name)  # noqa: PTH118 (as it was typed)


def runs_and_models(context: CompletionContext) -> Iterator[str]:
    """The same, and the models that come with the package."""
    from ..pretrained.find import is_name, names

    yield from () if os.path.split(context.incomplete)[0] else filter(is_name, names())
    yield from run_folders(context)


def recipe_names(context: CompletionContext) -> list[tuple[str, str]]:  # noqa: ARG001 (as cyclopts calls it)
    """The recipes of this package, each with a sentence on it."""
    from ..recipe import about, names

    return [(name, about(name)) for name in names()]


def strengths(context: CompletionContext) -> list[str]:
    """The directions of the run that was named, each at strength 1."""
    from ..pretrained.find import PACKAGED, is_name, names
    from ..run import Run

    named = context.get("run")
    if named is None or named.raw is None:
        return []
    run = Run(PACKAGED / named.raw if named.raw in names() and is_name(named.raw) else named.raw)
    principal = range(1, PRINCIPAL + 1) if (run.model_folder / "prior.safetensors").is_file() else ()
    return [f"{name}=1" for name in (*_names(run.attributes_file), *(f"direction-{number}" for number in principal))]


def _names(path: Path) -> list[str]:
    """The names in a file of directions, which its header holds; none if there is no such file."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size < LARGEST_HEADER else {}
        return list(json.loads(header["__metadata__"]["vaegan"])["names"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def as_typed(type_: Any, tokens: Sequence[cyclopts.Token]) -> Any:
    """A path or a list of paths. As a path, ./avatars would be avatars, which may be the name of a model: if no such folder is there, it
    becomes absolute.
    """
    typed = [(token.value, Path(token.value)) for token in tokens]
    paths = [path.absolute() if _is_word_with_slash(text) and not path.exists() else path for text, path in typed]
    return paths[0] if type_ is Path else paths


def _is_word_with_slash(text: str) -> bool:
    """Whether this is a single word that was typed with ./ before it or / behind it, which a path does not keep."""
    path = Path(text)
    return path.name == str(path) and text != path.name


RunFolder = Annotated[Path, completed(runs_and_models, converter=as_typed)]
"""The folder of a run, or also of a model, or the name of a model."""
