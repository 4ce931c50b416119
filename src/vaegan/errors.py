"""What is the user's to mend."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

OF_NAN = "its file is damaged, or its training diverged; train it again, for example with a lower --optimizer.lr"
"""Why a model has numbers that are not finite, and what to do."""
NOT_FINITE = f"the model produced NaN or infinity: {OF_NAN}"


class UserError(Exception):
    """A mistake in what was asked for: one sentence that names the thing and the way out. The command line prints it and exits with 2."""

    exit_code = 2


class OnlyInProgramError(UserError):
    """Images that a Python program gave, and that no command can open. Whoever knows what they are for adds the way out."""


class NoCacheError(UserError):
    """There is no place for packed images; the images themselves may be well."""


def with_way_out(sentence: str, way_out: str) -> str:
    """`sentence; way out`, or where the sentence ends in a question, `sentence? Way out`."""
    return f"{sentence} {way_out[:1].upper()}{way_out[1:]}" if sentence.endswith("?") else f"{sentence}; {way_out}"


def unknown_name(what: str, name: str, known: Iterable[str], *, inside: str = "", more: str = "") -> UserError:
    """The mistake of a name that is none of some known ones: the sentence ends in the nearest of these, or in all of them.

    Args:
        what: what has such names, such as attribute.
        name: the name.
        known: the known ones.
        inside: where they are known, such as " in table.csv".
        more: what may be said in place of a known name, such as " or a YAML file".
    """
    from difflib import get_close_matches

    known = list(known)
    folded = {one.lower(): one for one in known}
    nearest = get_close_matches(name.lower(), folded, n=1)
    hint = f". Did you mean {folded[nearest[0]]}?" if nearest else f": there are {', '.join(known)}{more}" if known else ": there are none"
    return UserError(f"there is no {what} named {name}{inside}{hint}")


@contextmanager
def os_errors_as_user_errors(hint: Callable[[], str] = lambda: "then run the same command again to continue") -> Iterator[None]:
    """What the system refuses within, such as a file that may not be read, or space, becomes a `UserError`.

    `hint` says how to continue once there is space again.
    """
    try:
        yield
    except BrokenPipeError:  # who reads the output has seen enough
        raise
    except OSError as error:
        if error.errno is None:
            raise
        sentence = f"{os.strerror(error.errno)}: {error.filename}" if error.filename else os.strerror(error.errno)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sentence += f": free some space; {hint()}"
        raise UserError(sentence) from error
