"""The pages of the reference that are made from the code: python -m tests.reference_pages writes them anew.

docs/commands.md comes from the command line's own parser, docs/settings.md from the classes of settings, and docs/api.md from the public
names. The site adds the signature and the docstring of each name to api.md (docs/build_site.py).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import docstring_parser
from cyclopts import App
from cyclopts.argument import Argument

import vaegan
from vaegan.cli.app import make_app
from vaegan.cli.commands import COMMANDS
from vaegan.parse_settings import documentation
from vaegan.recipe import Recipe
from vaegan.words import plain

DOCS = Path(__file__).parents[1] / "docs"
CALLS = {
    "Train and use": ("train", "resume", "load", "dry_run"),
    "Commands": tuple(one.name.replace("-", "_") for one in COMMANDS if one.name != "train"),
    "Classes": tuple(name for name in vaegan.__all__ if name[0].isupper()),
}
"""The public names, by the title that they have in api.md. All others are helpers."""
SECTIONS = {
    "data": "The images.",
    "augmentation": "Random changes of each training image. The numbers of all but `flip` are standard deviations of normal distributions.",
    "networks": "The three networks. The defaults are the paper's networks for 64x64 colour images.",
    "objective": "What is minimised.",
    "gate": "Stops the discriminator while it wins, and the decoder while it is far behind.",
    "optimizer": "How the three networks step. Each has an optimiser of its own.",
    "training": "How long, how much at a time, and what is shown and kept.",
}
"""What each section of settings is about."""


def commands() -> str:
    """The page of the commands."""
    parts = [
        "# Commands\n\n`--help` after a command prints the same. The page is made from the code.\n\n"
        "Most commands take a *run*, the folder that `vaegan train` makes, or a model folder such as RUN/model. "
        "`--json` prints one [JSON object](json.md). Every setting is a flag, too: [settings](settings.md).\n"
    ]
    groups = dict.fromkeys(one.group for one in COMMANDS)
    for group in groups:
        lines = [f"| [`vaegan {one.name}`](#vaegan-{one.name}) | {one.line} |\n" for one in COMMANDS if one.group == group]
        parts.append(f"\n**{group}**\n\n| command | what it does |\n| --- | --- |\n{''.join(lines)}")
    for one in COMMANDS:
        app = make_app(one.name)[one.name]
        parts.append(_command(f"vaegan {one.name}", app) if app.default_command else f"\n## vaegan {one.name}\n\n{one.line}\n")
        if one.name == "experiment":
            parts += [_command(f"vaegan experiment {name}", app[name]) for name in sorted(app) if not name.startswith("-")]
    return "".join(parts)


def _command(title: str, app: App) -> str:
    """The section of one command."""
    about = docstring_parser.parse(inspect.cleandoc(app.help if isinstance(app.help, str) else ""))
    text = "\n\n".join(part for part in (about.short_description, about.long_description) if part)
    rows = "".join(_row(argument) for argument in app.assemble_argument_collection(parse_docstring=True) if _is_shown(argument))
    table = f"\n| argument | meaning |\n| --- | --- |\n{rows}" if rows else ""
    return f"\n## {title}\n\n{_cell(text, lines=True)}\n{table}"


def _is_shown(argument: Argument) -> bool:
    return argument.parameter.show is not False and argument.names != ("*",) and argument.name != "*"


def _row(argument: Argument) -> str:
    """The line of one argument."""
    names = [name for name in argument.names if not name.startswith("--empty-")]
    flags = [name for name in names if name.startswith("-")] or [names[0].upper()]
    value = _kind(argument.hint)
    shown = ", ".join(f"`{flag}{f' {value}' if value and flag.startswith('-') else ''}`" for flag in flags)
    about = _cell(argument.parameter.help or "")
    default = argument.field_info.default
    if isinstance(default, (str, int, float)) and not isinstance(default, bool) and "default" not in about.lower():
        about += f" The default is {default}."
    choices = [f"`{choice}`" for choice in argument.get_choices() or ()]
    if choices and not all(choice.strip("`") in about for choice in choices):
        about += f" One of {', '.join(choices)}."
    return f"| {shown} | {'(required) ' if argument.required and flags[0].startswith('-') else ''}{about} |\n"


def _kind(hint: Any) -> str:
    """What follows a flag: NUMBER, PATH or the like."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "CHOICE"
    if origin in (list, set) or (origin is tuple and inner[-1] is Ellipsis):
        return f"{_kind(inner[0])} ..."
    if origin is tuple:
        return " ".join(_kind(one) for one in inner)
    return {bool: "", int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}.get(hint, "TEXT")


def settings() -> str:
    """The page of the settings."""
    parts = [
        "# Settings\n\nEvery setting is a key of a recipe and a flag: `objective.gamma` is `--objective.gamma 0.1`. "
        "A setting that is true or false needs no value: `--data.blur` turns it on, and `--data.blur false` turns it off. "
        "The defaults are the reference implementation's; `vaegan recipes NAME` shows those of a recipe. The page is made from the code.\n"
    ]
    defaults = Recipe().flat()
    for section in dict.fromkeys(key.partition(".")[0] for key in defaults):
        about = documentation(type(getattr(Recipe(), section)))  # type: ignore[arg-type] # as in recipe.py
        rows = "".join(
            f"| `{key}` | {_cell(about[key.partition('.')[2]])} {_default(defaults[key])} |\n"
            for key in defaults
            if key.startswith(f"{section}.")
        )
        parts.append(f"\n## {section}\n\n{SECTIONS[section]}\n\n| setting | meaning |\n| --- | --- |\n{rows}")
    return "".join(parts)


def _default(value: Any) -> str:
    """A sentence that says what the default is."""
    shown = plain(value, yes="true", no="false")
    return f"Default: `{shown}`." if shown else "Default: none."


def api() -> str:
    """The page of the public names."""
    parts = [
        "# Python\n\nEverything that `import vaegan` offers. The site shows signatures and arguments below each table; "
        "`help(vaegan.train)` prints them. [In Python](python.md) shows how to use them. The page is made from the code.\n"
    ]
    named = {name for names in CALLS.values() for name in names}
    helpers = tuple(name for name in vaegan.__all__ if name not in named and not name.startswith("_"))
    for title, names in {**CALLS, "Helpers": helpers}.items():
        rows = "".join(f"| `vaegan.{name}` | {_first_line(name)} |\n" for name in names if name in vaegan.__all__)
        parts.append(f"\n## {title}\n\n| name | what it is |\n| --- | --- |\n{rows}")
    return "".join(parts)


def _first_line(name: str) -> str:
    found = getattr(vaegan, name)
    return _cell((inspect.getdoc(inspect.unwrap(found)) or "").partition("\n")[0])


def _cell(text: str, *, lines: bool = False) -> str:
    """A text that may stand in a cell of a table: in one line, and without a mark that Markdown would take for its own."""
    text = text if lines else " ".join(text.split())
    return text.replace("|", "\\|").replace("<", "&lt;").replace("~", "\\~").replace("docs/json.md", "[JSON](json.md)")


def pages() -> Iterator[tuple[Path, str]]:
    """Each page that is made from the code, and its text."""
    yield DOCS / "commands.md", commands()
    yield DOCS / "settings.md", settings()
    yield DOCS / "api.md", api()


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text)
