"""What a training step does, operation by operation: arithmetic and bytes, and the time that a machine could not do it below.

    python benchmarks/roofline.py [--recipe reference] [--batch 64] [--tflops 790 --bandwidth 4.3]

Counted as torch runs it, without fusing anything: for each operation its arithmetic and the bytes of all tensors that it reads and
writes. Weights are float32, what networks pass on is bfloat16 where the step has it so. Nothing is timed. The bound of a kind of operations
is the larger of its arithmetic over the machine's rate (in TFLOP/s) and its bytes over its bandwidth (in TB/s); by default those that an
NVIDIA H200 has been seen to reach, with a large bfloat16 matrix product and with a copy.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from vaegan import Recipe
from vaegan.bench.textbook import use_plain_convolutions
from vaegan.data import open_images
from vaegan.settings import GateSettings
from vaegan.training.device import make_fabric
from vaegan.training.trainer import Trainer

KINDS = {
    "convolution": ("convolution",),
    "matrix product": ("mm", "addmm", "bmm"),
    "batch normalisation": ("native_batch_norm", "native_batch_norm_backward", "cudnn_batch_norm"),
    "ReLU": ("relu_", "relu", "threshold_backward"),
    "optimisers": ("_fused_adam_", "_foreach"),
}
VIEWS = ("view", "permute", "expand", "select", "slice", "unsqueeze", "squeeze", "detach", "alias", "split", "t", "transpose", "as_strided")
"""They touch no data."""


class Count(TorchDispatchMode):
    """Adds up what is done under it, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, int] = defaultdict(int)
        self.bytes: dict[str, int] = defaultdict(int)
        self.flops: dict[str, int] = defaultdict(int)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        name = func.overloadpacket.__name__
        if any(name == view or name.startswith(f"{view}_") or name == f"_unsafe_{view}" for view in VIEWS) or name.startswith("empty"):
            return func(*args, **(kwargs or {}))
        kind = next((kind for kind, starts in KINDS.items() if any(name.startswith(start) for start in starts)), "all else")
        with FlopCounterMode(display=False) as counter:
            result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
        self.calls[kind] += 1
        self.bytes[kind] += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self.flops[kind] += counter.get_total_flops()
        return result


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="reference")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--tflops", type=float, default=790.0)
    parser.add_argument("--bandwidth", type=float, default=4.3)
    given = parser.parse_args()
    recipe = Recipe.load(given.recipe, {"training.batch": given.batch, "data.avatars": 2 * given.batch, "data.crop": "centre"})
    recipe = replace(recipe, gate=GateSettings(enabled=False))
    images = open_images("avatars", recipe.preparation, count=recipe.data.avatars, progress=lambda *_: None)
    trainer = Trainer(recipe, make_fabric("cpu", "bf16"), images, np.arange(len(images)))
    use_plain_convolutions(trainer.model)  # as on a GPU
    trainer.train_step()
    with Count() as count:
        trainer.train_step()
    total = 0.0
    print(f"{given.recipe}, batch {given.batch}: a step, an image; bounds at {given.tflops:g} TFLOP/s and {given.bandwidth:g} TB/s")
    print(f"{'':22s}{'operations':>11s}{'GFLOP/image':>13s}{'MB/image':>10s}{'bound, µs/image':>17s}")
    for kind in [*KINDS, "all else"]:
        gflop, megabytes = count.flops[kind] / given.batch / 1e9, count.bytes[kind] / given.batch / 1e6
        bound = max(gflop / given.tflops * 1e3, megabytes / given.bandwidth)
        total += bound
        print(f"{kind:22s}{count.calls[kind]:11,d}{gflop:13.2f}{megabytes:10.1f}{bound:17.1f}")
    sums = (sum(count.calls.values()), sum(count.flops.values()) / given.batch / 1e9, sum(count.bytes.values()) / given.batch / 1e6)
    print(f"{'in all':22s}{sums[0]:11,d}{sums[1]:13.2f}{sums[2]:10.1f}{total:17.1f}  so at most {1e6 / total:,.0f} images/s")


if __name__ == "__main__":
    main()
