"""From a tree of settings, as YAML and flags give it, to typed dataclasses. Every mistake becomes one sentence.

A value has the type of its setting, or it is a text that says such a value: YAML reads 1e-3 as a text, and all flags are texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from . import old_names
from .errors import UserError
from .words import plain

T = TypeVar("T")
Tree = Mapping[str, Mapping[str, Any]]
"""Settings by section and name."""
YES, NO = {"yes", "y", "on", "1", "true", "t"}, {"no", "n", "off", "0", "false", "f"}
ONE = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
MANY = {int: "whole numbers", float: "numbers", str: "texts"}


@dataclass(frozen=True)
class Layer:
    """Settings from one source."""

    tree: Tree
    source: str = ""
    """Where they are from, for messages, such as `recipe quick`."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """How a setting was written, by dotted key, if it was a flag."""

    def refuse(self, sentence: str) -> UserError:
        """A mistake in this layer."""
        return UserError(f"{self.source}: {sentence}" if self.source else sentence)


def parse(kind: type[T], layers: Iterable[Layer]) -> T:
    """A dataclass of sections, each a dataclass of settings. What no layer holds keeps its default.

    Args:
        kind: such as `Recipe`.
        layers: a setting is taken from the first one that holds it.

    Raises:
        UserError: an unknown section or setting (with the nearest known one), or a wrong value.
    """
    types = setting_types(kind)  # type: ignore[arg-type] # of types, mypy says they have no hash
    kinds = get_type_hints(kind)
    values: dict[str, Any] = {}
    for layer in layers:
        for section, settings in layer.tree.items():
            if not settings and section.replace("-", "_") not in kinds:
                raise layer.refuse(f"there is no section named {section}{hint(section, kinds)}")
            for name, value in settings.items():
                key = old_names.setting(f"{section}.{name}".replace("-", "_"))
                if key not in types:
                    raise layer.refuse(f"there is no setting named {section}.{name}{hint(key, types)}")
                if key not in values:
                    try:
                        values[key] = convert(value, types[key])
                    except ValueError:
                        wanted = f"{layer.flags.get(key, key)} must be {describe(types[key])}"
                        raise layer.refuse(f"{wanted}, not {_shown(value)}") from None
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    return kind(**{section: kinds[section](**settings) for section, settings in sections.items()})


@cache
def setting_types(kind: type) -> dict[str, Any]:
    """The type of every setting, by dotted key, of a dataclass of sections."""
    types: dict[str, Any] = {}
    for section, settings in _field_types(kind).items():
        types |= {f"{section}.{name}": hint for name, hint in _field_types(settings).items()}
    return types


def _field_types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in dataclasses.fields(kind)}


def convert(value: Any, kind: Any) -> Any:
    """A value as its type: bool, int, float, str, a Literal of texts, or a tuple of these, fixed or of any length.

    A single value stands for a tuple of any length that holds it alone.

    Raises:
        ValueError: it is no such value.
    """
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        values = list(value) if isinstance(value, (list, tuple)) else [value]
        if parts == (int, int) and len(values) == 1:  # a size, such as 96x64
            values = str(values[0]).lower().split("x")
        if parts[-1] is Ellipsis:
            parts = (parts[0],) * len(values)
        return tuple(convert(one, part) for one, part in zip(values, parts, strict=True))
    if value is None or isinstance(value, (list, tuple, Mapping)) or (isinstance(value, bool) and kind in (int, float)):
        raise ValueError
    text = str(value)
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError
        return text
    if kind is bool:
        if text.lower() not in YES | NO:
            raise ValueError
        return text.lower() in YES
    return _whole(text) if kind is int else kind(text)


def _whole(text: str) -> int:
    """The whole number that a text says, such as 16, 1_000, 16.0 or 0x10."""
    if "." in text:
        number = float(text)
        if not number.is_integer():
            raise ValueError
        return int(number)
    return int(text, 0) if text.lower().lstrip("+-")[:2] in ("0x", "0o", "0b") else int(text)


def describe(kind: Any) -> str:
    """What values a type takes, in words."""
    if get_origin(kind) is Literal:
        *others, last = map(str, get_args(kind))
        return f"{', '.join(others)} or {last}" if others else last
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return f"a list of {MANY[parts[0]]}" if parts[-1] is Ellipsis else f"{len(parts)} {MANY[parts[0]]}"
    return ONE[kind]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{plain(value, between=', ')}]"
    return "empty" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def hint(name: str, known: Iterable[str]) -> str:
    """What to add to the sentence that a name is unknown: the nearest known one, or those that end in it, as objective.gamma in gamma."""
    name, known = name.lower(), list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.75) or [one for one in known if one.endswith(f".{name.lstrip('-')}")]
    return f". Did you mean {' or '.join(near)}?" if near else ""


def as_tree(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by dotted key as sections.

    Raises:
        UserError: a key has no dot.
    """
    tree: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        section, dot, setting = key.partition(".")
        if not dot:
            raise UserError(f'{key} is not a setting: a setting is written as SECTION.NAME, such as "objective.gamma"')
        tree.setdefault(section, {})[setting] = value
    return tree


@cache
def documentation(settings: type) -> dict[str, str]:
    """What each field of a settings class means, from the text under it."""
    import docstring_parser

    parsed = docstring_parser.parse_from_object(settings)
    return {parameter.arg_name: " ".join((parameter.description or "").split()) for parameter in parsed.params}
