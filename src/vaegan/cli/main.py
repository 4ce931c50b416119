"""The command line: one thin function a command.

A user's mistake ends in one sentence on standard error and exit code 2; a fault of ours in a traceback and 1.
"""

from __future__ import annotations

import os
import sys

import cyclopts

from ..errors import UserError, refusals_told
from ..processes import is_first_here, is_leader
from ..recipe import one_sentence
from . import data, edit, encode, evaluate, experiment, look, morph, score, search, training  # noqa: F401 (that is how the commands come to be)
from .app import app, err


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    err.quiet = not is_leader()
    try:
        with refusals_told():
            app(arguments, exit_on_error=False, print_error=False)
    except UserError as error:
        sentence, code = str(error), error.exit_code
    except cyclopts.CycloptsError as error:
        sentence, code = one_sentence(error), UserError.exit_code
    except BrokenPipeError:  # who reads the output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain once more as it exits
        raise SystemExit(128 + 13) from None
    else:
        return
    if is_first_here():  # all of one machine meet the same; what only one of them met, training has shared
        print("vaegan:", *sentence.splitlines(), file=sys.stderr)  # one line, whatever a path has in it
    raise SystemExit(code)
