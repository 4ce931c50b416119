"""What all commands share: the parser, the recipe under the flags, the two consoles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter
from rich.console import Console

from ..errors import UserError
from ..files import from_home
from ..recipe import Recipe, as_config, as_tree, of_run, of_set, read
from ..words import plain

err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, emoji=False)

DEFAULT_RECIPE = "quick"
BENCH_RECIPE = "reference"

Settings = Annotated[
    Recipe,
    # Names as in the files. No defaults shown: they are the recipe's.
    Parameter(
        name="*",
        name_transform=str,
        show_default=False,
        negative_iterable="",
        consume_multiple=True,
        group=cyclopts.Group("Settings (see vaegan recipes NAME)"),
    ),
]


def _lay_recipe_under_flags(app: cyclopts.App, commands: tuple[str, ...], arguments: cyclopts.ArgumentCollection) -> None:
    """Fill what flags leave open: first from the short flags' long names, then from the recipe, or from the run that is resumed."""
    if commands not in (("train",), ("bench",)) and not (commands[:1] == ("experiment",) and len(commands) == 2):
        return
    given = {argument.name.lstrip("-"): argument.tokens[0].value for argument in arguments if argument.tokens}
    if "resume" in given:
        if wrong := [f"--{name}" for name in ("recipe", "run", "auto-resume") if name in given]:
            raise UserError(f"--resume goes on with a run as it is: leave out {' and '.join(wrong)}")
        name = str(of_run(from_home(given["resume"])))
    else:
        name = given.get("recipe", BENCH_RECIPE if commands == ("bench",) else DEFAULT_RECIPE)
    tree = read(name)
    source = given.get("data") or given.get("data.source") or tree.get("data", {}).get("source")
    decided = of_set(source)
    asked, has = tree.get("data", {}), decided.get("data", {})
    if overruled := [key for key in has if key in asked and asked[key] != has[key]]:
        kept = ", ".join(f"{key} {plain(has[key])}" for key in overruled)
        err.print(f"note: the packed set was prepared with {kept}, other than recipe {name} asks for", soft_wrap=True)
    as_config(_long_names(given), "the command line", commands)(app, commands, arguments)
    as_config(decided, "the packed set", commands)(app, commands, arguments)
    as_config(tree, f"recipe {name}", commands)(app, commands, arguments)


def _long_names(given: dict[str, str]) -> dict[str, Any]:
    """The settings that short flags stand for."""
    lengths = [f"{given[unit]} {unit}" for unit in ("steps", "epochs", "images") if unit in given]
    if len(lengths) > 1:
        raise UserError(f"one length is enough: --{lengths[0].split()[1]} and --{lengths[1].split()[1]} were both given")
    settings = {
        "training.length": lengths[0] if lengths else None,
        "training.seed": given.get("seed"),
        "training.precision": given.get("precision"),
        "training.threads": given.get("threads"),
        "training.on_nan": given.get("on-nan"),
        "objective.kind": given.get("objective"),
        "data.source": given.get("data"),
        "networks.size": _sides(given["size"]) if "size" in given else None,
    }
    stood_for = {key: value for key, value in settings.items() if value is not None}
    if twice := [key for key in stood_for if key in given]:
        raise UserError(f"--{twice[0]} was given twice, once by its short name")
    return as_tree(stood_for)


def _sides(size: str) -> list[str]:
    """Height and width out of "64" or "96x64"."""
    sides = size.lower().split("x")
    return sides * 2 if len(sides) == 1 else sides


app = cyclopts.App(
    name="vaegan",
    help="Train a VAE/GAN on a folder of images, and use it.",
    config=_lay_recipe_under_flags,
    suppress_keyboard_interrupt=False,
)


def parse_size(text: str, flag: str = "--size", what: str = "a number of pixels, or height x width such as 96x64") -> tuple[int, int]:
    """Height and width out of what was given.

    Raises:
        UserError: they are no numbers.
    """
    try:
        height, width = map(int, _sides(text))
    except ValueError:
        raise UserError(f"{flag} must be {what}, not {text}") from None
    return height, width


def check_fps(fps: float) -> None:
    """See that a film can be so fast.

    Raises:
        UserError: it cannot.
    """
    if not 1 <= fps <= 50:  # players of GIFs know no more
        raise UserError(f"--fps must be from 1 to 50, not {fps}")


def wrote(path: Path) -> None:
    """Say where a result is: on standard output, for who looks or for a script."""
    print(f"wrote {path}")
