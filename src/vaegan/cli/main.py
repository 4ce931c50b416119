"""The command line: one thin function a command.

A user's mistake ends in one sentence on standard error and exit code 2; a fault of ours in a traceback and 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import cyclopts

from .. import old_names
from ..errors import UserError, os_errors_as_user_errors, unknown_name
from ..files import there_are
from ..parse_settings import describe, hint, setting_types
from ..this_process import is_first_here, is_leader
from ..words import command
from .app import UnknownFlagError, make_app
from .console import err

MOST_WORDS = 8
"""Of a path that was given without quotes."""


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
    sentence = without_quotes(words) or with_truth(app, words) or sentence
    if is_first_here():  # all of one machine meet the same; what only one of them met, training has shared
        print("vaegan:", *sentence.splitlines(), file=sys.stderr)  # one line, whatever a path has in it
    raise SystemExit(code)


def known_flags(app: cyclopts.App, words: Sequence[str]) -> list[str]:
    """The flags of the command that some words call."""
    from ..recipe import Recipe

    return [name for argument in arguments_of(app, words) for name in argument.names] + [f"--{key}" for key in setting_types(Recipe)]


def arguments_of(app: cyclopts.App, words: Sequence[str]) -> list[cyclopts.Argument]:
    """What the command that some words call can be given; empty if they call none."""
    called = app if not words or words[0].startswith("-") else app.parse_commands(words)[1][-1]
    if called.default_command is None:  # or a group of commands, such as experiment, without one of them
        return []
    return [argument for argument in called.assemble_argument_collection() if argument.parse]


def without_quotes(words: Sequence[str]) -> str:
    """A sentence on the first path with a space in its name that was given without quotes, so that it is several words; empty if none was.

    Words are such a path if they are the name of a file or folder together, but not each by itself.
    """
    for start, first in enumerate(words):
        flag, equals, begin = first.rpartition("=")
        for end in range(start + 2, min(start + MOST_WORDS, len(words)) + 1):
            parts = [begin, *words[start + 1 : end]]
            path = " ".join(parts)
            if os.path.exists(path) and not all(map(os.path.exists, parts)):  # noqa: PTH110 (Path.exists raises for long names)
                line = command(*words[:start], f"{flag}{equals}{path}", *words[end:])
                return f"{path} has a space in its name: put the name in quotes, with: {line}"
    return ""


def with_truth(app: cyclopts.App, words: Sequence[str]) -> str:
    """A sentence on the first flag that has true or false after it, which it does not take; empty if none has."""
    switches = [argument for argument in arguments_of(app, words) if argument.hint in (bool, bool | None)]
    for place, (flag, word) in enumerate(pairwise(words)):
        for switch in switches:
            if flag in switch.names and word.lower() in ("true", "false") and not os.path.exists(word):  # noqa: PTH110 (as above)
                on = (word.lower() == "true") != (flag in switch.negatives)
                wanted = [name for name in switch.names if (name in switch.negatives) != on][:1]
                unneeded = word if wanted else f"{flag} {word}"
                return f"{flag} takes no value: leave out {unneeded}, with: {command(*words[:place], *wanted, *words[place + 2 :])}"
    return ""


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
