"""The paper's first experiment: VAE, VAE with the learned similarity of a GAN, GAN and VAE/GAN side by side."""

from __future__ import annotations

from ..metrics.extractors.registry import DEFAULT, ExtractorName
from .comparison import compare_variants
from .experiment import Experiment
from .page import ExperimentResult
from .runs import Variant

VARIANTS = (
    Variant("vae", "VAE", {"objective.kind": "vae"}),
    Variant("gan", "GAN", {"objective.kind": "gan"}),
    Variant("vae-dis", "VAE_Disl", {"objective.kind": "vae-dis"}, discriminator_of="gan"),
    Variant("vaegan", "VAE/GAN", {"objective.kind": "vaegan"}),
)


def samples(experiment: Experiment, *, count: int = 2_000, extractor: ExtractorName = DEFAULT) -> ExperimentResult:
    """Compare the four, or runs that exist; see `compare_variants`."""
    experiment.require()
    source = experiment.recipe.data.source
    lead = f"A VAE, a GAN, a VAE with the GAN's features and a VAE/GAN on {source}, with the same networks, images and steps."
    if experiment.existing:
        lead = f"Existing runs on {source}."
    return compare_variants(experiment, VARIANTS, "Samples and reconstructions", lead, samples=count, extractor=extractor)
