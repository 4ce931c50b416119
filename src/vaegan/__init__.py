"""VAE/GAN: autoencoding beyond pixels using a learned similarity metric, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .callable_package import MODULES as _PACKAGES
from .threads import set_wait_policy

if TYPE_CHECKING:
    from .api.attributes import attributes
    from .api.data import data, join, prepare, scan
    from .api.demo import demo
    from .api.doctor import doctor
    from .api.edit import arithmetic, edit
    from .api.encode import encode, project
    from .api.evaluate import evaluate
    from .api.experiment import experiment
    from .api.export import export
    from .api.hub import push
    from .api.look import convergence, reconstruct, report, sample
    from .api.morph import interpolate, walk
    from .api.overview import compare, runs
    from .api.prior import fit_prior
    from .api.score import score
    from .api.search import search
    from .api.studio import studio
    from .api.training import bench, recipes
    from .data.batches import to_tensor
    from .data.dataset import ImageSet
    from .errors import UserError
    from .latent.anomaly import Scorer
    from .latent.directions import Directions
    from .latent.search import Search
    from .list_runs import RunStatus
    from .losses.gate import EquilibriumGate
    from .losses.objective import Losses, Objective
    from .metrics.neighbors import nearest
    from .models.posterior import Posterior
    from .models.vaegan import VAEGAN
    from .plan import Plan, dry_run
    from .recipe import Recipe
    from .result import Result
    from .run import Run, load
    from .settings import Architecture
    from .training.callbacks import Callback
    from .viz.grid import to_array, to_pil
    from .workflow import resume, train

set_wait_policy()

_HOME = {
    "api.attributes": ("attributes",),
    "api.data": ("data", "join", "prepare", "scan"),
    "api.demo": ("demo",),
    "api.doctor": ("doctor",),
    "api.edit": ("arithmetic", "edit"),
    "api.encode": ("encode", "project"),
    "api.evaluate": ("evaluate",),
    "api.experiment": ("experiment",),
    "api.export": ("export",),
    "api.hub": ("push",),
    "api.look": ("convergence", "reconstruct", "report", "sample"),
    "api.morph": ("interpolate", "walk"),
    "api.overview": ("compare", "runs"),
    "api.prior": ("fit_prior",),
    "api.score": ("score",),
    "api.search": ("search",),
    "api.studio": ("studio",),
    "api.training": ("bench", "recipes"),
    "data.batches": ("to_tensor",),
    "data.dataset": ("ImageSet",),
    "errors": ("UserError",),
    "latent.anomaly": ("Scorer",),
    "latent.directions": ("Directions",),
    "latent.search": ("Search",),
    "list_runs": ("RunStatus",),
    "losses.gate": ("EquilibriumGate",),
    "losses.objective": ("Losses", "Objective"),
    "metrics.neighbors": ("nearest",),
    "models.posterior": ("Posterior",),
    "models.vaegan": ("VAEGAN",),
    "plan": ("Plan", "dry_run"),
    "recipe": ("Recipe",),
    "result": ("Result",),
    "run": ("Run", "load"),
    "settings": ("Architecture",),
    "training.callbacks": ("Callback",),
    "viz.grid": ("to_array", "to_pil"),
    "workflow": ("resume", "train"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names if name not in _PACKAGES}

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
    "Result",
    "Run",
    "RunStatus",
    "Scorer",
    "Search",
    "UserError",
    "__version__",
    "arithmetic",
    "attributes",
    "bench",
    "compare",
    "convergence",
    "data",
    "demo",
    "doctor",
    "dry_run",
    "edit",
    "encode",
    "evaluate",
    "experiment",
    "export",
    "fit_prior",
    "interpolate",
    "join",
    "load",
    "nearest",
    "prepare",
    "project",
    "push",
    "recipes",
    "reconstruct",
    "report",
    "resume",
    "runs",
    "sample",
    "scan",
    "score",
    "search",
    "studio",
    "to_array",
    "to_pil",
    "to_tensor",
    "train",
    "walk",
]


def __getattr__(name: str) -> Any:
    """Import a name on its first use, so that `import vaegan` does not wait for torch."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("vaegan")
    elif name in _PACKAGES:
        value = import_module(f".{name}", __name__)
    elif name in _MODULE:
        value = getattr(import_module(f".{_MODULE[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
