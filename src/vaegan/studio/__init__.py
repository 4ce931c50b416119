"""Studio: the latent space of a model in one HTML file, which runs the model by itself."""

from ..callable_package import make_callable
from .page import StudioPage, write_page

__all__ = ["StudioPage", "write_page"]

make_callable(__name__)
