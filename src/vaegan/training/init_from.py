"""Begin a run with the weights of another one: `training.init_from`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import UserError
from ..models.vaegan import VAEGAN
from ..settings import NETWORKS, Architecture
from ..words import plain

SAME = ("family", "width", "encoder", "decoder", "discriminator")
"""The settings of networks that must be those of the other run. Size, channels, code and attributes may differ."""
SCALE = ("attribute_mean", "attribute_scale")


@torch.no_grad()
def take_weights(model: VAEGAN, other: VAEGAN, name: str) -> str:
    """Give a model the weights and the running statistics of another one, as far as they fit; the others stay as they began.

    A layer fits if it has the same shape. Layers are counted from the image, so that those of networks for larger images are the new ones
    in the middle. Of a layer that takes attributes, the inputs are taken one by one: an attribute that the other model does not know
    begins with weights of 0, so that at first it changes nothing. An attribute that both know keeps the other's scale.

    Args:
        model: the new one.
        other: the one to take from, on any device.
        name: what it is called in sentences.

    Returns:
        A sentence that names what was taken, and what begins anew.

    Raises:
        UserError: the other model has other networks.
    """
    mine, theirs = model.architecture, other.architecture
    if differing := [key for key in SAME if getattr(mine, key) != getattr(theirs, key)]:
        what = ", ".join(f"they have networks.{key} {plain(getattr(theirs, key))}, not {plain(getattr(mine, key))}" for key in differing)
        raise UserError(f"the weights of {name} do not fit these networks: {what}; use the networks.* settings of {name}")
    source, layers, anew = other.state_dict(), _Layers(mine, theirs), []
    for key, tensor in model.state_dict().items():
        network, old = key.partition(".")[0], _aligned(key, model, other)
        if network in NETWORKS and network not in model.untrained:
            known = network not in other.untrained and old in source
            if not (known and layers.take(tensor, key, source[old].to(tensor.device), old)):
                anew.append(key)
    for key in SCALE if layers.shared else ():
        for here, there in layers.shared:
            getattr(model, key)[here] = source[key][there]
    begun = [*_named(anew, model), *(f"the inputs of {one}" for one in mine.attributes if one not in theirs.attributes)]
    return f"took the weights of {name}; these start from scratch: {', '.join([*begun, 'the optimisers'])}"


class _Layers:
    """Takes weights tensor by tensor, between two architectures that may have different attributes."""

    def __init__(self, mine: Architecture, theirs: Architecture) -> None:
        self.shared = [(here, theirs.attributes.index(one)) for here, one in enumerate(mine.attributes) if one in theirs.attributes]
        """The positions of attributes that both have."""
        self._mine, self._theirs = _without_attributes(mine), _without_attributes(theirs)

    def take(self, tensor: Tensor, key: str, old: Tensor, old_key: str) -> bool:
        """Copy the values of a tensor of the other model, each under its name; whether they fit."""
        here, there = _features(tensor, self._mine.get(key)), _features(old, self._theirs.get(old_key))
        takes, took = tensor.shape[1:2] > (here,), old.shape[1:2] > (there,)  # attributes, beside features
        if not (takes or took):
            fits = tensor.shape == old.shape
            if fits:
                tensor.copy_(old)
            return fits
        if (here, tensor.shape[:1], tensor.shape[2:]) != (there, old.shape[:1], old.shape[2:]):
            return False
        tensor[:, :here] = old[:, :there]
        if here:  # where attributes are the only inputs, they begin as they do in a new run: a layer of 0 cannot be normalised
            tensor[:, here:] = 0
        for mine, theirs in self.shared:
            tensor[:, here + mine] = old[:, there + theirs]
        return True


def _without_attributes(architecture: Architecture) -> Mapping[str, torch.Size]:
    """The shapes of a model's tensors, if it took no attributes."""
    with torch.device("meta"):
        return {key: tensor.shape for key, tensor in VAEGAN(replace(architecture, attributes=())).state_dict().items()}


def _features(tensor: Tensor, without: torch.Size | None) -> int:
    """How many inputs of a layer are no attributes, from its shape without attributes. A tensor that is no matrix has as many as it has."""
    if tensor.ndim < 2:
        return len(tensor) if tensor.ndim else 0
    return without[1] if without else 0


def _aligned(key: str, model: VAEGAN, other: VAEGAN) -> str:
    """The name in the other model of the layer that is as far from the image: the decoder's are counted from the code."""
    if not (layers := model.decoder.counted_from_image):
        return key
    here, there = (len(getattr(one.decoder, layers)) for one in (model, other))
    return re.sub(rf"^(decoder\.{layers}\.)(\d+)", lambda match: f"{match[1]}{int(match[2]) + there - here}", key)


def _named(keys: list[str], model: VAEGAN) -> list[str]:
    """The layers, or the whole networks, that these tensors are of."""
    found = []
    for network in NETWORKS:
        mine = [key for key in keys if key.startswith(f"{network}.")]
        if mine and len(mine) == sum(key.startswith(f"{network}.") for key in model.state_dict()):
            mine = [network]
        found += [match[0] for key in mine if (match := re.match(r"\w+(\.\w+(\.\d+)?)?", key))]
    return list(dict.fromkeys(found))
