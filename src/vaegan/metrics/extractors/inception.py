"""The Inception network that FID is defined by (Heusel et al. 2017), from the package torch-fidelity, which has it weight for weight."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ...data import ImageSet, Indices
from ...errors import UserError
from ...files import sha256
from ...progress import Progress
from .base import in_colour

COMMAND = "pip install torch-fidelity torchvision"
FILE = "weights-inception-2015-12-05-6726825d.pth"
"""As the package names it; a part of its sha256 is in the name."""
LAYER = "2048"


class Inception:
    """Features by FID's Inception; see `vaegan.metrics.extractors.base.Extractor`."""

    name = "Inception"
    dimensions = 2048
    resize = "bilinear to 299x299, as TensorFlow 1 has it"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Load the network; its package fetches the weights on first use.

        Raises:
            UserError: the package does not work here, or the weights cannot be had.
        """
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except (ImportError, RuntimeError, AttributeError) as error:  # a torchvision that does not fit torch raises all of these
            raise UserError(f"Inception needs torch-fidelity and a torchvision that fits torch: install them with: {COMMAND}") from error
        path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
        self.device = torch.device(device)
        try:
            network = FeatureExtractorInceptionV3("inception-v3-compat", [LAYER], str(path) if path.is_file() else None)
            self.weights = sha256(path)
        except Exception as error:  # of the network, of the disk, or of a damaged file
            where = f"download the file {FILE} from the releases of torch-fidelity on GitHub, and put it into {path.parent}"
            raise UserError(f"the weights of Inception could not be downloaded, or are damaged: {where}") from error
        self.network = network.eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> N x 2048, on the CPU. Pixels are rounded to 256 values, as in files."""
        pixels = ((in_colour(images.to(self.device)).float().clamp(-1, 1) + 1) * 127.5).round().byte()
        return self.network(pixels)[0].float().cpu()


def make(images: ImageSet, training: Indices, device: torch.device, progress: Progress) -> Inception:  # noqa: ARG001
    """The extractor for any set."""
    return Inception(device)
