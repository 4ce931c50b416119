"""Make the model that comes with the package anew: a model of the avatars by the recipe drawings, in src/vaegan/pretrained/avatars.

    OMP_NUM_THREADS=1 python benchmarks/pretrained.py            # trains as `make demo` does, for a quarter of an hour on one core
    OMP_NUM_THREADS=1 python benchmarks/pretrained.py --run RUN  # takes a run of `make demo` that is there

The weights are rounded to float16, which halves the file. All that depends on them is made after that: the prior, the last picture of the
training, with 256 colours, the directions of the attributes, the calibration of the score on held-out images, and an evaluation. With
`--run src/vaegan/pretrained/avatars`, these are made anew for the weights that are there.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import safetensors.torch
from PIL import Image
from safetensors.numpy import load_file, save

import vaegan
from vaegan.data.batches import to_tensor
from vaegan.training.pictures import RECONSTRUCTIONS, PictureInputs, draw
from vaegan.words import in_bytes

OUT = Path(vaegan.__file__).parent / "pretrained" / "avatars"


def halve(source: Path, target: Path) -> None:
    """Write the weights as float16."""
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in safetensors.torch.load_file(source).items()
    }
    target.write_bytes(safetensors.torch.save(weights))


def shrink_score(path: Path) -> None:
    """Write the calibration of the score in float32 instead of float64, with its header as it is."""
    with safetensors.safe_open(path, "numpy") as file:
        header = file.metadata()
    path.write_bytes(save({name: array.astype("float32") for name, array in load_file(path).items()}, header))


def make(run: vaegan.Run, folder: Path) -> None:
    """Everything that the package holds of a run."""
    for name in ("recipe.yaml", "stats.jsonl", "model/config.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run.folder / name, folder / name)
    halve(run.model_folder / "model.safetensors", folder / "model" / "model.safetensors")
    print(*vaegan.fit_prior(folder).lines(), sep="\n")
    made = vaegan.Run(folder)
    made.pictures_folder.mkdir()
    images = made.images()
    _, held_out = made.split(images)
    shown = to_tensor(images.images[held_out[:RECONSTRUCTIONS]])
    picture, _ = draw(made.model(), PictureInputs(shown, None, "held-out images", autoencodes=True))
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(made.picture_file(max(run.pictures)), optimize=True)
    vaegan.attributes(folder)
    vaegan.score(folder, [Image.fromarray(images.images[0])])  # calibrates first
    shrink_score(made.score_file)
    vaegan.evaluate(folder, samples=2000, prior="fitted")


def main() -> None:
    """Train if need be, and replace the packaged model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a run of `make demo`")
    run = parser.parse_args().run
    with tempfile.TemporaryDirectory() as temporary:
        if run is None:
            began = time.process_time()
            run = vaegan.train("drawings", run=Path(temporary) / "avatars", progress=True).run
            print(f"trained for {time.process_time() - began:.0f} seconds of processor")
        made = Path(temporary) / "made"
        make(vaegan.Run.open(run), made)
        (made / ".lock").unlink(missing_ok=True)
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree(made, OUT)
    for path in sorted(path for path in OUT.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>10,} {path.relative_to(OUT)}")
    print(in_bytes(sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())))


if __name__ == "__main__":
    main()
