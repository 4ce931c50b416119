"""Studio: the latent space of a model in one HTML file, which runs the model by itself."""

from .page import studio

__all__ = ["studio"]
