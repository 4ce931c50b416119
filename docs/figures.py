"""Make all pictures of the README and of the docs, into docs/figures. Only routing.svg is drawn by hand.

    python docs/figures.py                      # those of the model that comes with the package: a few minutes on one core
    python docs/figures.py search score         # some of these
    python docs/figures.py fashion theory       # these train runs first
    python docs/figures.py --folder RUNS kinds  # where runs are, and runs that are there are not trained again

The parts that train, and what they take on two cores:

    fashion     mnist:/usr/share/datasets/fashion-mnist, which Debian's package dataset-fashion-mnist has: 4 minutes of one core
    theory      quick-larsen, 4 minutes, and 50 steps of reference, 2 minutes; prints figures of docs/theory.md and docs/answers.md
    kinds       `vaegan experiment samples`: 16 minutes
    similarity  `vaegan experiment attribute-similarity`: an hour
    vectors     `vaegan experiment attribute-vectors`: 5 minutes
    changes     `vaegan experiment ablation` of docs/answers.md: 3 hours

`theory` needs matplotlib, and `report` needs chromium.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

import vaegan
from vaegan.data import open_images
from vaegan.data.batches import to_tensor
from vaegan.errors import unknown_name
from vaegan.viz.grid import pair_rows, sheet, to_uint8

FIGURES = Path(__file__).parent / "figures"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FASHION = "mnist:/usr/share/datasets/fashion-mnist"
AVATARS = "avatars"


def keep(picture: Image.Image, name: str, *, colours: int = 256) -> None:
    """Write a picture; as a PNG with few colours, which takes half the bytes, unless `colours` is 0."""
    path, picture = FIGURES / name, picture.convert("RGB")
    if path.suffix == ".png" and colours:
        picture = picture.quantize(colours, dither=Image.Dither.NONE)
    picture.save(path, quality=85, optimize=True)
    print(f"wrote {path}: {picture.width}x{picture.height}, {path.stat().st_size:,} bytes")


def overview(run: vaegan.Run, columns: int, pairs: int, samples: int) -> Image.Image:
    """What the last picture of a training shows: rows of held-out images, each over its reconstruction, and rows of samples."""
    images, model = run.images(), run.model()
    _, indices = run.split(images)
    originals = to_tensor(images.images[indices[: pairs * columns]])
    with torch.inference_mode():
        rows = pair_rows(originals, model.reconstruct(originals), columns)
        drawn = model.sample(samples * columns)
    return sheet([("held-out images, each above its reconstruction", rows), (f"samples of {model.name_prior()}", drawn)], columns)


def held_out(folder: str, **numbers: int) -> list[Path]:
    """Some of the held-out avatars by their numbers, as files NAME.png."""
    run = vaegan.Run.open(AVATARS)
    images = run.images()
    _, indices = run.split(images)
    files = [Path(folder) / f"{name}.png" for name in numbers]
    for path, pixels in zip(files, images.images[indices[np.array(list(numbers.values()))]], strict=True):
        Image.fromarray(pixels).save(path)
    return files


def demo() -> None:
    """The packaged model, which `vaegan train --recipe drawings` made."""
    keep(overview(vaegan.Run.open(AVATARS), 12, 2, 3), "demo.png", colours=0)


def strip() -> None:
    """`vaegan edit avatars face.png --add Beard --strip`."""
    with tempfile.TemporaryDirectory() as folder:
        keep(vaegan.edit(AVATARS, held_out(folder, face=12), {"Beard": 1}, strip=True).figure(), "latent-strip.png")


def attributes() -> None:
    """`vaegan attributes avatars`."""
    found = vaegan.attributes(AVATARS)
    keep(found.figure(), "latent-attributes.png")
    for row in found.rows:
        print(f"  {row}")


def morph() -> None:
    """`vaegan interpolate avatars a.png b.png c.png`."""
    with tempfile.TemporaryDirectory() as folder:
        keep(vaegan.interpolate(AVATARS, held_out(folder, a=3, b=40, c=21)).figure(), "latent-interpolation.png")


def arithmetic() -> None:
    """`vaegan arithmetic avatars glasses.png - plain.png + another.png`: `plain` is most like the face with glasses, `another` is least."""
    run = vaegan.Run.open(AVATARS)
    images = run.images()
    _, indices = run.split(images)
    known, names = images.attributes[indices[:]] > 0, np.array(images.attribute_names)
    glasses, others = known[:, names == "Eyeglasses"].all(1), known[:, names != "Eyeglasses"]
    first, without = int(glasses.argmax()), np.flatnonzero(~glasses & ~known[:, names == "Sunglasses"].all(1))
    alike = (others[without] == others[first]).sum(1)
    numbers = {"glasses": first, "plain": int(without[alike.argmax()]), "another": int(without[alike.argmin()])}
    with tempfile.TemporaryDirectory() as folder:
        with_glasses, plain, another = held_out(folder, **numbers)
        keep(vaegan.arithmetic(AVATARS, [with_glasses, "-", plain, "+", another]).figure(), "latent-arithmetic.png")


def project() -> None:
    """`vaegan project avatars a.png b.png --steps 200`."""
    with tempfile.TemporaryDirectory() as folder:
        found = vaegan.project(AVATARS, held_out(folder, a=5, b=9), steps=200)
        keep(found.figure(), "latent-projection.png")
        errors = ", ".join(f"{row.similarity_error_before:.4g} to {row.similarity_error:.4g}" for row in found.rows)
        print(f"  the error in features falls from {errors}")


def odd_ones(folder: Path) -> Path:
    """A folder of 40 held-out avatars, and twelve altered ones."""
    odd = folder / "odd"
    subprocess.run([sys.executable, BENCHMARKS / "score.py", AVATARS, "--write", odd], check=True)  # noqa: S603
    return odd


def score() -> None:
    """`vaegan score avatars odd --count 8`."""
    with tempfile.TemporaryDirectory() as folder:
        found = vaegan.score(AVATARS, odd_ones(Path(folder)), count=8)
        keep(found.figure(), "score-odd.png")
        for row in sorted(found.rows, key=lambda row: row.p or 0)[:14]:
            times = {name: round(value / found.scorer.calibration.usual[name], 2) for name, value in row.measurements.items()}
            print(f"  {Path(row.name).name:20} p {row.p:.2g} combined {row.combined:.1f} {times}")
        print(*found.lines(), sep="\n")


def search() -> None:
    """`vaegan search avatars "odd/plain 03.png" "odd/plain 12.png" "odd/half 00.png"`, by both, and `--samples 4 --count 8`."""
    with tempfile.TemporaryDirectory() as folder:
        odd = odd_ones(Path(folder))
        queries = [odd / f"{name}.png" for name in ("plain 03", "plain 12", "half 00")]
        keep(vaegan.search(AVATARS, queries).figure(), "search-code.png")
        keep(vaegan.search(AVATARS, queries, by="similarity").figure(), "search-similarity.png")
    found = vaegan.search(AVATARS, samples=4, count=8)
    keep(found.figure(), "search-samples.png")
    print(*found.lines(), sep="\n")


def report() -> None:
    """`vaegan report avatars`, in a wide window, and in a narrow one in the dark."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        vaegan.report(AVATARS, page)
        shots = []
        for name, width, dark in (("wide", 1280, False), ("narrow", 500, True)):
            shot = Path(folder) / f"{name}.png"
            flags = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
            size = ["--hide-scrollbars", f"--window-size={width},1400", "--virtual-time-budget=4000", f"--screenshot={shot}"]
            browser = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/{name}"]
            subprocess.run([*browser, *flags, *size, page.as_uri()], check=True, capture_output=True)  # noqa: S603
            with Image.open(shot) as picture:
                shots.append(picture.convert("RGB"))
        wide, narrow = shots
        together = Image.new("RGB", (wide.width + narrow.width + 20, min(wide.height, narrow.height)), "white")
        together.paste(wide, (0, 0))
        together.paste(narrow, (wide.width + 20, 0))
        keep(together.resize((together.width * 5 // 8, together.height * 5 // 8), Image.Resampling.LANCZOS), "report.jpg")


def trained(folder: Path, name: str, *arguments: str) -> vaegan.Run:
    """A run of `vaegan train`, which may be there already."""
    run = folder / name
    command = [sys.executable, "-m", "vaegan", "train", *arguments, "--auto-resume", "--run", str(run), "--no-studio"]
    subprocess.run(command, check=True)  # noqa: S603
    return vaegan.Run.open(run)


def fashion(folder: Path) -> None:
    """`vaegan train --data mnist:/usr/share/datasets/fashion-mnist --size 32 --channels 1`."""
    run = trained(folder, "fashion", "--data", FASHION, "--size", "32", "--channels", "1")
    keep(overview(run, 16, 1, 2), "fashion.png", colours=64)


def ruler(model: vaegan.VAEGAN, faces: Tensor, level: int) -> None:
    """One face under changes, with its distance from itself in pixels and in the discriminator's features."""
    import matplotlib.pyplot as plt

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
    import matplotlib as mpl
    import matplotlib.pyplot as plt

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


def theory(folder: Path) -> None:
    """The pictures and the figures of docs/theory.md."""
    opened = trained(folder, "quick-larsen", "--recipe", "quick-larsen")
    images = opened.images()
    _, indices = opened.split(images)
    ruler(opened.model(), to_tensor(images.images[indices[:2]]), opened.level)
    gate(opened)
    torch.manual_seed(0)
    paper = vaegan.VAEGAN()
    faces = to_tensor(open_images("avatars", paper.preparation, count=64, progress=lambda *_: None).images[:])
    gradients("the paper's networks at their start", paper, faces)
    gradients("after 50 steps", trained(folder, "reference", "--recipe", "reference", "--steps", "50").model(), faces)


def experiment(folder: Path, name: str, picture: str, figure: str, *arguments: str) -> None:
    """The picture of an experiment, which goes on where it was."""
    out = folder / name
    words = [sys.executable, "-m", "vaegan", "experiment", name, "--recipe", "quick-larsen", "--out", str(out), *arguments]
    subprocess.run(words, check=True)  # noqa: S603
    with Image.open(out / picture) as made:
        keep(made, figure)


def kinds(folder: Path) -> None:
    """See docs/experiments.md."""
    experiment(folder, "samples", "samples.png", "four-kinds.jpg", "--prior", "standard", "--seeds", "1", "--extractor", "attributes")


def similarity(folder: Path) -> None:
    """See docs/experiments.md."""
    given = ("--prior", "standard", "--steps", "1500", "--seeds", "3")
    experiment(folder, "attribute-similarity", "samples.png", "attribute-similarity.png", *given)


def vectors(folder: Path) -> None:
    """See docs/experiments.md."""
    shown = ("Eyeglasses", "Beard", "Wearing_Hat", "Long_Hair", "Dark_Skin", "Smiling")
    experiment(folder, "attribute-vectors", "edits-by-probe.png", "attribute-vectors.jpg", "--attributes", *shown)


def changes(folder: Path) -> None:
    """See docs/answers.md."""
    varied = (
        *("optimizer.schedule=constant,exponential", "optimizer.clip=value,norm", "optimizer.lr=2e-3"),
        *("objective.saturating=true", "objective.reconstructions=true", "objective.gamma=0.01,0.5"),
    )
    given = ("--prior", "standard", "--alone", "--size", "32", "--steps", "1200", "--seeds", "4", "--extractor", "attributes")
    experiment(folder, "ablation", "samples.png", "single-changes.jpg", *given, *(word for one in varied for word in ("--vary", one)))


OF_THE_PACKAGE = (demo, strip, attributes, morph, arithmetic, project, score, search, report)
OF_RUNS = (fashion, theory, kinds, similarity, vectors, changes)


def main() -> None:
    """Make what is asked for."""
    known: dict[str, Callable[..., Any]] = {part.__name__: part for part in (*OF_THE_PACKAGE, *OF_RUNS)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(known))
    parser.add_argument("--folder", type=Path, default=Path("runs/figures"), help="where runs are made, or are already")
    asked = parser.parse_args()
    if unknown := [name for name in asked.parts if name not in known]:
        parser.error(str(unknown_name("part", unknown[0], known)))
    for name in asked.parts or [part.__name__ for part in OF_THE_PACKAGE]:
        began = time.perf_counter()
        part = known[name]
        part(asked.folder) if part in OF_RUNS else part()
        print(f"{name} took {time.perf_counter() - began:.0f} seconds")


if __name__ == "__main__":
    main()
