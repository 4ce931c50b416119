"""The parser of the command line. Each command is imported when it is called."""

from __future__ import annotations

from typing import get_args

import cyclopts

from ..errors import UserError
from ..parse_settings import describe
from .commands import COMMANDS
from .completion import App


class UnknownFlagError(UserError):
    """A flag that is neither the command's nor a setting."""

    def __init__(self, flag: str) -> None:
        """Take the flag as it was written."""
        super().__init__(f"there is no flag {flag}")
        self.flag = flag


def make_app(wanted: str = "") -> cyclopts.App:
    """The parser.

    Args:
        wanted: the command that is called. Its help is its docstring; of the others, help shows the line in `COMMANDS`.
    """
    app = App(
        name="vaegan",
        help="Train a VAE/GAN on a folder of images, and use it.\n\n"
        "A run is the folder that training makes. A model folder is RUN/model, or a copy of it: it has the weights "
        "and the prior. In place of a run, you can also give avatars (the model that comes with the package) "
        "or hf:USER/NAME (a model of the Hugging Face hub).\n\n"
        "A code is a list of numbers that stands for an image. All possible codes are the latent space. A direction is a change of "
        "codes, for example one that gives images an attribute. A VAE/GAN has three networks: the encoder turns images into codes, the "
        "decoder turns codes into images, and the discriminator learns to tell real images from generated ones. The encoder gives each "
        "image a distribution of codes, its posterior; most commands use its mean. The prior is the distribution of codes that new images "
        "are drawn from. N(0, I) is the standard normal distribution. The paper is Larsen et al. 2016, https://arxiv.org/abs/1512.09300.",
        default_parameter=cyclopts.Parameter(show_default=lambda value: None if value is None or value is False else str(value)),
        config=_check_values,
        suppress_keyboard_interrupt=False,
    )
    groups = {name: cyclopts.Group(name, sort_key=order) for order, name in enumerate(dict.fromkeys(one.group for one in COMMANDS))}
    for order, one in enumerate(COMMANDS):
        line = None if one.name == wanted else one.line
        usage = {"usage": f"Usage: vaegan {one.name} {one.takes}"} if one.takes else {}
        app.command(one.function, name=one.name, help=line, group=groups[one.group], sort_key=order, **usage)
    app.register_install_completion_command()
    other = cyclopts.Group("Other", sort_key=len(groups))
    for flag, line in (
        ("--help", "Show this page, or the help of a command."),
        ("--version", "Show the version."),
        ("--install-completion", "Let the shell complete commands, flags, runs and recipes."),
    ):
        app[flag].group, app[flag].help = (other,), line
    return app


def _check_values(app: cyclopts.App, commands: tuple[str, ...], arguments: cyclopts.ArgumentCollection) -> None:  # noqa: ARG001 (as cyclopts calls it)
    """Refuse what cyclopts would take: a flag without any of its values, and 1.5 where a whole number is asked for, which it would round.

    Raises:
        UserError: there is such a value.
    """
    for argument in arguments:
        if empty := [token for token in argument.tokens if token.implicit_value == []]:
            raise UserError(f"{empty[0].keyword or argument.name} needs a value")
        if argument.hint is not int and int not in get_args(argument.hint):
            continue
        for token in argument.tokens:
            try:
                whole = float(token.value).is_integer()
            except ValueError:
                continue  # cyclopts says what is wrong
            if not whole:
                raise UserError(f'{token.keyword or argument.name} must be {describe(int)}, not "{token.value}"')
