"""Export: a model as ONNX files, which run without torch and without this package."""

from ..callable_package import make_callable
from .folder import ExportedFile, ExportedModel, write_export

__all__ = ["ExportedFile", "ExportedModel", "write_export"]

make_callable(__name__)
