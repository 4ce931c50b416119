"""What is wrong with a set of images, found out before a model is trained on it."""

from ..callable_package import make_callable

make_callable(__name__)
