"""The families of networks, by the name that networks.family has in recipes and in a model's config.json."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from ..errors import unknown_name
from ..settings import Architecture
from .base import Decoder, Discriminator, Encoder


class Family(NamedTuple):
    """The classes of the three networks; each is made from an `Architecture`.

    They are also made on torch's meta device, where tensors have shapes but no values. So a constructor must not read values, such as by
    `item()`.
    """

    encoder: Callable[[Architecture], Encoder]
    decoder: Callable[[Architecture], Decoder]
    discriminator: Callable[[Architecture], Discriminator]


def _in_module(name: str) -> Family:
    """The classes Encoder, Decoder and Discriminator of a module beside this one."""
    module = import_module(f".{name}", __package__)
    return Family(module.Encoder, module.Decoder, module.Discriminator)


FAMILIES = {
    "larsen": _in_module("larsen"),
    "resize": _in_module("resize"),
}
"""A new family is a new module and a line here. A program can add its own: FAMILIES["mine"] = Family(MyEncoder, MyDecoder, ...)."""


def find_family(name: str) -> Family:
    """The family of that name.

    Raises:
        UserError: there is none.
    """
    if name not in FAMILIES:
        raise unknown_name("networks.family", name, FAMILIES)
    return FAMILIES[name]
