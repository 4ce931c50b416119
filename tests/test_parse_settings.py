"""Values become what their settings are, or one sentence says what is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from vaegan import UserError
from vaegan.parse_settings import Layer, as_tree, convert, describe, documentation, parse


@dataclass(frozen=True)
class Paint:
    """A section."""

    colour: Literal["red", "32"] = "red"
    """Its
    colour."""
    coats: int = 1
    """How many."""


@dataclass(frozen=True)
class House:
    """A tree."""

    paint: Paint = field(default_factory=Paint)
    door: Paint = field(default_factory=Paint)


Colour = Literal["red", "32"]
Pair = tuple[int, float]


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        ("0.1", float, 0.1),
        (1, float, 1.0),
        ("1e-3", float, 1e-3),
        ("inf", float, math.inf),
        ("16", int, 16),
        ("1_000", int, 1000),
        ("0x10", int, 16),
        ("007", int, 7),
        (16.0, int, 16),
        (2**62 + 1, int, 2**62 + 1),
        ("YES", bool, True),
        (0, bool, False),
        (5, str, "5"),
        ("", str, ""),
        (32, Colour, "32"),
        (["2", 1], Pair, (2, 1.0)),
        ([], tuple[str, ...], ()),
        ("one", tuple[str, ...], ("one",)),
        ((1, "a b"), tuple[str, ...], ("1", "a b")),
        ("48x64", tuple[int, int], (48, 64)),
        (["48X64"], tuple[int, int], (48, 64)),
        (["0x10", "64"], tuple[int, int], (16, 64)),
    ],
)
def test_convert(value: Any, kind: Any, result: Any) -> None:
    converted = convert(value, kind)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("much", float),
        (True, float),
        (None, float),
        ([0.1], float),
        ("16.5", int),
        ("1e3", int),
        (True, int),
        ("", int),
        (2, bool),
        (None, str),
        ({"a": 1}, str),
        (["a"], str),
        ("Red", Colour),
        (None, Colour),
        ([1], Pair),
        ([1, 2, 3], Pair),
        (1, Pair),
        ([1, None], Pair),
        (None, tuple[str, ...]),
        ([["a"]], tuple[str, ...]),
    ],
)
def test_what_does_not_convert(value: Any, kind: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the sentence is written by `parse`)
        convert(value, kind)


def test_the_first_layer_that_holds_a_setting_counts() -> None:
    layers = [Layer({"paint": {"coats": "3"}}), Layer({"paint": {"coats": "unread", "colour": 32}, "door": {"coats": 2}})]
    assert parse(House, layers) == House(Paint("32", 3), Paint("red", 2))
    assert parse(House, []) == House()


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"paint": {"coat": 1}}, "recipe x: there is no setting named paint.coat. Did you mean paint.coats?"),
        ({"Paint": {"COATS": 1}}, "recipe x: there is no setting named Paint.COATS. Did you mean paint.coats?"),
        ({"roof": {"pitch": 1}}, "recipe x: there is no setting named roof.pitch"),
        ({"paints": {}}, "recipe x: there is no section named paints. Did you mean paint?"),
        ({"paint": {"coats": "two"}}, 'recipe x: paint.coats must be a whole number, not "two"'),
        ({"paint": {"coats": [1, 2]}}, "recipe x: paint.coats must be a whole number, not [1, 2]"),
        ({"paint": {"colour": None}}, "recipe x: paint.colour must be red or 32, not empty"),
    ],
)
def test_the_sentence_names_source_and_setting(tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(House, [Layer(tree, "recipe x")])
    assert str(caught.value) == sentence


def test_a_flag_is_named_as_it_was_written() -> None:
    with pytest.raises(UserError, match=r'^--coats must be a whole number, not "x"$'):
        parse(House, [Layer({"paint": {"coats": "x"}}, flags={"paint.coats": "--coats"})])


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Colour, "red or 32"), (tuple[int, int], "2 whole numbers"), (tuple[str, ...], "a list of texts"), (bool, "true or false")],
)
def test_describe(kind: Any, words: str) -> None:
    assert describe(kind) == words


def test_keys_without_a_section_are_refused() -> None:
    assert as_tree({"a.b": 1, "a.c": 2, "d.e": 3}) == {"a": {"b": 1, "c": 2}, "d": {"e": 3}}
    with pytest.raises(UserError, match="coats is not a setting"):
        as_tree({"coats": 1})


def test_documentation_is_the_text_under_a_field() -> None:
    assert documentation(Paint) == {"colour": "Its colour.", "coats": "How many."}
