"""Make the pictures and print the figures of docs/theory.md, and the picture of the README, from three runs on the avatars.

pip install matplotlib
vaegan train --recipe quick-larsen --run runs/quick-larsen
vaegan train --recipe reference --steps 50 --run runs/reference
vaegan train --threads 1 --run runs/avatars
python docs/figures.py runs/quick-larsen runs/reference runs/avatars
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

import vaegan
from vaegan.data import open_images
from vaegan.data.batches import to_tensor
from vaegan.viz.grid import to_uint8

FIGURES = Path(__file__).parent / "figures"


def ruler(model: vaegan.VAEGAN, faces: Tensor, level: int) -> None:
    """One face under changes, with its distance from itself in pixels and in the discriminator's features."""
    face, other = faces[:1], faces[1:2]
    picture = Image.fromarray(to_uint8(face)[0])
    blurred = to_tensor(np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5)))[None].copy())
    moved = torch.cat([face[..., :2], face[..., :-2]], 3)
    with torch.inference_mode():
        changes = {
            "itself": face,
            "moved by 2 pixels": moved,
            "blurred": blurred,
            "its reconstruction": model.reconstruct(face),
            "another face": other,
        }
        pixels = [(change - face).square().sum().item() for change in changes.values()]
        features = [
            (model.discriminator.features(change, level) - model.discriminator.features(face, level)).square().sum().item()
            for change in changes.values()
        ]
    figure, axes = plt.subplots(1, len(changes), figsize=(9, 2.6))
    print("squared distance from the face, as a share of another face's: pixels, features")
    for ax, (name, change), p, f in zip(axes, changes.items(), pixels, features, strict=True):
        ax.imshow(to_uint8(change)[0])
        ax.set_axis_off()
        ax.set_title(name, fontsize=10)
        ax.text(
            0.5,
            -0.06,
            f"pixels {p / pixels[-1]:.0%}\nfeatures {f / features[-1]:.0%}",
            transform=ax.transAxes,
            ha="center",
            va="top",
            fontsize=10,
        )
        print(f"  {name:20} {p / pixels[-1]:7.1%} {f / features[-1]:7.1%}")
    figure.savefig(FIGURES / "ruler.png", dpi=90, bbox_inches="tight")


def gate(run: vaegan.Run) -> None:
    """Which player steps by the two costs, and where the run was."""
    decide = vaegan.EquilibriumGate(run.recipe.gate)
    low, high = run.recipe.gate.bounds(0)
    most = 1.6
    figure, ax = plt.subplots(figsize=(5.6, 4.6))
    grid = np.linspace(0, most, 321)
    kinds = np.array([[2 * decide(r, f).decoder + decide(r, f).discriminator for r in grid] for f in grid])
    colours = mpl.colors.ListedColormap(["white", "#fed7aa", "#bbf7d0", "#e0e7ff"])
    ax.pcolormesh(grid, grid, kinds, cmap=colours, vmin=0, vmax=3, shading="nearest", rasterized=True)
    lines = [json.loads(line) for line in run.stats_file.read_text().splitlines()]
    ax.plot(
        [line["real"] for line in lines],
        [line["fake"] for line in lines],
        ".",
        color="black",
        markersize=3,
        label=f"the run, means of {run.recipe.training.log_every} steps",
    )
    ax.plot(np.log(2), np.log(2), "+", color="red", markersize=12, label="ln 2: knows nothing")
    for x, y, text in [
        (low / 2, (low + high) / 2, "decoder\nonly"),
        ((low + high) / 2, low / 2, "decoder only"),
        ((low + high) / 2, (low + high) / 2 + 0.15, "both"),
        ((high + most) / 2, (low + high) / 2, "discriminator\nonly"),
        ((low + high) / 2, (high + most) / 2, "discriminator only"),
        (low / 2, (high + most) / 2, "both"),
        ((high + most) / 2, low / 2, "both"),
    ]:
        ax.text(x, y, text, ha="center", va="center", fontsize=9, color="#333")
    ax.set(
        xlim=(0, most),
        ylim=(0, most),
        xlabel="cost of real images, -log Dis(x), in nats",
        ylabel="cost of samples, -log(1 - Dis(x_p)), in nats",
        aspect="equal",
    )
    ax.legend(loc="upper right", fontsize=8)
    figure.savefig(FIGURES / "gate.png", dpi=90, bbox_inches="tight")


def gradients(name: str, model: vaegan.VAEGAN, images: Tensor) -> None:
    """Print how much larger the gradient of L_llike is than that of L_GAN at the output of the decoder."""
    torch.manual_seed(0)
    model.train()
    posterior = model.encode(images)
    reconstructed = model.decode(posterior.sample(torch.randn(len(images), 128))).detach().requires_grad_()
    sampled = model.decode(torch.randn(len(images), 128)).detach().requires_grad_()
    of_reconstructed, of_images = model.discriminator.features(torch.cat([reconstructed, images]), 3).chunk(2)
    similarity = 0.5 * (of_reconstructed - of_images).square().sum(1).mean()
    real, fake = torch.sigmoid(model.discriminator(torch.cat([images, sampled]))).chunk(2)
    gan = -(real + 1e-3).log().mean() - (1 - fake + 1e-3).log().mean()
    (of_similarity,) = torch.autograd.grad(similarity, reconstructed)
    (of_gan,) = torch.autograd.grad(gan, sampled)
    a, b = of_similarity.norm().item(), of_gan.norm().item()
    print(f"{name}: L_llike {similarity:.0f}, L_GAN {gan:.2f};")
    print(f"  gradients at the images: L_llike {a:.3g}, L_GAN {b:.3g}, ratio {a / b:,.0f}; they balance at gamma {b / (a + b):.1g}")


def main(run: Path, reference: Path, demo: Path) -> None:
    """Make everything."""
    FIGURES.mkdir(exist_ok=True)
    shutil.copy(list(vaegan.Run.open(demo).pictures.values())[-1], FIGURES / "demo.png")
    opened = vaegan.Run.open(run)
    images = opened.images()
    _, held_out = opened.split(images)
    ruler(opened.model(), to_tensor(images.images[held_out[:2]]), opened.level)
    gate(opened)
    torch.manual_seed(0)
    paper = vaegan.VAEGAN()
    faces = to_tensor(open_images("avatars", paper.preparation, count=64, progress=lambda *_: None).images[:])
    gradients("the paper's networks at their start", paper, faces)
    gradients("after the second run", vaegan.load(reference), faces)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
