"""What is the user's to mend."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NOT_FINITE = "the model produced NaN or infinity: it is damaged, or its training diverged"


class UserError(Exception):
    """A mistake in what was asked for: one sentence that names the thing and the way out. The command line prints it and exits with 2."""

    exit_code = 2


@contextmanager
def os_errors_as_user_errors(hint: Callable[[], str] = lambda: "then run the same command again") -> Iterator[None]:
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
