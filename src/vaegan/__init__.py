"""VAE/GAN: autoencoding beyond pixels using a learned similarity metric, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .threads import choose_waiting

if TYPE_CHECKING:
    from .errors import UserError
    from .losses.objective import EquilibriumGate, Losses, Objective
    from .models.vaegan import VAEGAN, Posterior
    from .recipe import Recipe
    from .run import Run, load
    from .settings import Architecture
    from .workflow import resume, train

choose_waiting()

_HOME = {
    "errors": ("UserError",),
    "models.vaegan": ("VAEGAN", "Posterior"),
    "settings": ("Architecture",),
    "losses.objective": ("EquilibriumGate", "Losses", "Objective"),
    "recipe": ("Recipe",),
    "run": ("Run", "load"),
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
    "Run",
    "UserError",
    "__version__",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a name on its first use, so that `import vaegan` does not wait for torch."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("vaegan")
    elif name in _MODULE:
        value = getattr(import_module(f".{_MODULE[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
