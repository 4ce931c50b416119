"""VAE/GAN: autoencoding beyond pixels using a learned similarity metric, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .threads import set_wait_policy

if TYPE_CHECKING:
    from .data.batches import to_tensor
    from .data.dataset import ImageSet
    from .errors import UserError
    from .latent.anomaly import Scorer
    from .latent.directions import Directions
    from .latent.fit_prior import fit_prior
    from .latent.search import Search
    from .list_runs import RunStatus, runs
    from .losses.gate import EquilibriumGate
    from .losses.objective import Losses, Objective
    from .metrics.neighbors import nearest
    from .models.posterior import Posterior
    from .models.vaegan import VAEGAN
    from .plan import Plan, dry_run
    from .recipe import Recipe
    from .report.compare import compare
    from .run import Run, load
    from .settings import Architecture
    from .training.callbacks import Callback
    from .workflow import resume, train

set_wait_policy()

_HOME = {
    "data.batches": ("to_tensor",),
    "data.dataset": ("ImageSet",),
    "plan": ("Plan", "dry_run"),
    "errors": ("UserError",),
    "latent.anomaly": ("Scorer",),
    "latent.directions": ("Directions",),
    "latent.fit_prior": ("fit_prior",),
    "latent.search": ("Search",),
    "list_runs": ("RunStatus", "runs"),
    "metrics.neighbors": ("nearest",),
    "models.posterior": ("Posterior",),
    "models.vaegan": ("VAEGAN",),
    "settings": ("Architecture",),
    "losses.gate": ("EquilibriumGate",),
    "losses.objective": ("Losses", "Objective"),
    "recipe": ("Recipe",),
    "report.compare": ("compare",),
    "run": ("Run", "load"),
    "training.callbacks": ("Callback",),
    "workflow": ("resume", "train"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "VAEGAN",
    "Architecture",
    "Callback",
    "Directions",
    "EquilibriumGate",
    "ImageSet",
    "Losses",
    "Objective",
    "Plan",
    "Posterior",
    "Recipe",
    "Run",
    "RunStatus",
    "Scorer",
    "Search",
    "UserError",
    "__version__",
    "compare",
    "dry_run",
    "fit_prior",
    "load",
    "nearest",
    "resume",
    "runs",
    "to_tensor",
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
