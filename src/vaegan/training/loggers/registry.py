"""The loggers by name, for `training.loggers`. A program adds its own with `LOGGERS["mine"] = Mine`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from ...errors import UserError, unknown_name
from .base import Logger

LOGGERS: dict[str, str | type[Logger]] = {
    "tensorboard": "tensorboard:TensorboardWriter",
    "csv": "csv_file:CsvLogger",
    "wandb": "wandb:WandbLogger",
    "mlflow": "mlflow:MlflowLogger",
}
"""The file and the class of each, or the class."""
PACKAGES = {"wandb": "wandb", "mlflow": "mlflow-skinny"}
"""The packages of those that are extras, by the name of the extra, which is also that of the module."""


def check_loggers(names: Sequence[str]) -> None:
    """See that there are loggers of these names, and the packages that they need. Nothing is imported.

    Raises:
        UserError: there are not.
    """
    for name in names:
        if name not in LOGGERS:
            raise unknown_name("logger", name, LOGGERS)
        if name in PACKAGES and isinstance(LOGGERS[name], str) and find_spec(name) is None:
            way_out = f"leave {name} out of training.loggers, or install it with: pip install {PACKAGES[name]}"
            raise UserError(f"the logger {name} needs the package {PACKAGES[name]}: {way_out}")


def find_logger(name: str) -> type[Logger]:
    """The logger of a name.

    Raises:
        UserError: see `check_loggers`.
    """
    check_loggers([name])
    found = LOGGERS[name]
    if isinstance(found, str):
        module, _, kind = found.partition(":")
        imported: type[Logger] = getattr(import_module(f".{module}", __package__), kind)
        return imported
    return found
