"""The command line: one thin function a command.

A user's mistake ends in one sentence on standard error and exit code 2; a fault of ours in a traceback and 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import cyclopts

from .. import old_names
from ..errors import UserError, os_errors_as_user_errors, unknown_name
from ..files import there_are
from ..parse_settings import describe, hint, setting_types
from ..this_process import is_first_here, is_leader
from .app import UnknownFlagError, make_app
from .console import err


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: as the shell gives them; those of this process by default.
    """
    err.quiet = not is_leader()
    words = old_names.arguments(sys.argv[1:] if arguments is None else arguments)
    app = make_app(*words[:1])
    try:
        with os_errors_as_user_errors():
            app(words, exit_on_error=False, print_error=False)
    except UnknownFlagError as error:
        sentence, code = f"{error}{hint(error.flag, known_flags(app, words))}", error.exit_code
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


def known_flags(app: cyclopts.App, words: Sequence[str]) -> list[str]:
    """The flags of the command that some words call."""
    from ..recipe import Recipe

    command = app.parse_commands(words)[1][-1]
    return [name for argument in command.assemble_argument_collection() for name in argument.names] + [
        f"--{key}" for key in setting_types(Recipe)
    ]


def one_sentence(error: cyclopts.CycloptsError) -> str:
    """The parser's complaint, which names the flag."""
    if isinstance(error, cyclopts.UnknownCommandError) and error.app and error.unused_tokens:
        return str(unknown_name("command", error.unused_tokens[0], [name for name in error.app if not name.startswith("-")]))
    if isinstance(error, cyclopts.UnusedCliTokensError):
        return f"it is not clear what {' '.join(error.unused_tokens or [])} is for: see --help"
    text = " ".join(str(error).split())
    flag = error.argument.name if error.argument else ""
    if isinstance(error, cyclopts.CoercionError) and error.token and error.target_type in (int, float):
        return f'{error.token.keyword or flag} must be {describe(error.target_type)}, not "{error.token.value}"'
    if isinstance(error, cyclopts.MissingArgumentError) and flag.startswith("--") and not error.tokens_so_far:
        return f"{flag} needs a value"
    if isinstance(error, cyclopts.MissingArgumentError) and not error.tokens_so_far:
        from ..recipe import RUNS

        what = f", the folder of a run{there_are(RUNS)}" if flag == "RUN" else ""
        return f"{' '.join(error.command_chain or ())} needs {flag}{what}"
    name = flag.lstrip("-")
    return text if name in text else f"{name}: {text[0].lower()}{text[1:]}"
