"""The paper's first experiment: VAE, VAE with the learned similarity of a GAN, GAN and VAE/GAN side by side."""

from __future__ import annotations

from ..metrics.extractors.registry import Kind
from .comparison import Variant, compare_variants
from .experiment import Experiment
from .page import Found

VARIANTS = (
    Variant("vae", "VAE", {"objective.kind": "vae"}),
    Variant("gan", "GAN", {"objective.kind": "gan"}),
    Variant("vae-dis", "VAE_Disl", {"objective.kind": "vae-dis"}, discriminator_of="gan"),
    Variant("vaegan", "VAE/GAN", {"objective.kind": "vaegan"}),
)


def samples(experiment: Experiment, *, count: int = 2_000, extractor: Kind | None = None) -> Found:
    """Compare the four; see `compare_variants`."""
    experiment.require()
    lead = f"VAE, GAN, VAE with the GAN's features, and VAE/GAN on {experiment.recipe.data.source}: the same networks, images and steps."
    return compare_variants(experiment, VARIANTS, "Samples and reconstructions", lead, samples=count, extractor=extractor)
