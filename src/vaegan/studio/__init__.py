"""Studio: the latent space of a model in one HTML file, which runs the model by itself."""

from ..callable_package import make_callable
from .page import StudioPage, remote_page, write_page

__all__ = ["StudioPage", "remote_page", "write_page"]

make_callable(__name__)
