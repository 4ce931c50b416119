"""VAE/GAN: autoencoding beyond pixels using a learned similarity metric, in PyTorch."""

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

from .threads import choose_waiting

if TYPE_CHECKING:
    from .errors import UserError
    from .losses.objective import EquilibriumGate, Losses, Objective
    from .models.larsen import Architecture
    from .models.vaegan import VAEGAN, Posterior, load
    from .recipe import Recipe
    from .workflow import resume, train

choose_waiting()

__version__ = _version("vaegan")

_HOME = {
    "errors": ("UserError",),
    "models.vaegan": ("VAEGAN", "Posterior", "load"),
    "models.larsen": ("Architecture",),
    "losses.objective": ("EquilibriumGate", "Losses", "Objective"),
    "recipe": ("Recipe",),
    "workflow": ("resume", "train"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "VAEGAN",
    "Architecture",
    "EquilibriumGate",
    "Losses",
    "Objective",
    "Posterior",
    "Recipe",
    "UserError",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import on first use: the processes that draw avatars need not wait for torch."""
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE[name]}", __name__), name)
