"""Values as people read them."""

from __future__ import annotations


def plain(value: object, *, between: str = " ", yes: str = "True", no: str = "False") -> str:
    """A setting in words.

    Args:
        value: a number, a name, a truth, or a list or tuple of these.
        between: what is put between the items of a list.
        yes: what is said for true.
        no: what is said for false.
    """
    if isinstance(value, bool):
        return yes if value else no
    if isinstance(value, (list, tuple)):
        return between.join(plain(item, between=between, yes=yes, no=no) for item in value)
    return str(value)
