"""What a classifier of attributes sees: it knows no latent space, and so can judge what comes out of one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@torch.inference_mode()
def read(classifier: nn.Module, images: Tensor) -> NDArray[np.bool_]:
    """Which attributes each image has: N x C x H x W in [-1, 1] -> N x attributes."""
    return (torch.cat([classifier(part) for part in images.split(256)]) > 0).numpy()
