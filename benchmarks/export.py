"""How many images a second an exported model computes in onnxruntime, and the model in torch, by the number of threads.

    python benchmarks/export.py RUN [--threads 1 2] [--batch 32] [--seconds 3] [--precisions float32 float16 int8]
    python benchmarks/export.py RUN --rounding

RUN is exported into a temporary folder, once for each precision. Torch runs in inference mode. The two take turns, and the best of three
turns counts, because other processes can only slow them down. Sizes are of the files, and differences are those that `vaegan export` finds.

--rounding compares ways to make reconstruct.onnx smaller: those of `vaegan export`, and those of onnxruntime, which compute in int8 or
float16, too. Static quantisation is calibrated on 64 samples. Differences are those of pixels, in levels of 255, on 64 other samples.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import vaegan
from vaegan.export.check import Part, Reference, open_session
from vaegan.latent.anomaly import Scorer
from vaegan.latent.measurements import measure

ROUNDS = 3


def speed(compute: Callable[[], object], batch: int, seconds: float) -> float:
    """Images a second."""
    compute()
    start, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds or not done:
        compute()
        done += batch
    return done / passed


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounding", action="store_true")
    parser.add_argument("--precisions", nargs="+", default=["float32", "float16", "int8"])
    given = parser.parse_args()
    run = vaegan.Run.open(given.run)
    if given.rounding:
        compare_rounding(run)
        return
    model = run.model()
    scorer = Scorer.load(run.score_file, model) if run.score_file.is_file() else None
    reference = Reference(model, scorer)
    with tempfile.TemporaryDirectory() as folder:
        for precision in given.precisions:
            exported = vaegan.export(run, Path(folder) / precision, precision=precision)
            print(f"{precision}, batch {given.batch}")
            for row in exported.rows:
                if row.name in ("prior.onnx", "edit.onnx"):  # they are no networks, and take no time
                    continue
                path = exported.folder / row.name
                line = f"  {row.name:17} {row.bytes / 1e6:7.2f} MB  difference {row.largest:.1e}"
                for threads in given.threads:
                    torch.set_num_threads(threads)
                    session = open_session(path, threads)
                    inputs = {name: torch.from_numpy(reference.inputs[name]) for name in row.inputs}
                    repeats = -(-given.batch // len(reference.pixels))
                    many = {name: torch.cat([values] * repeats)[: given.batch] for name, values in inputs.items()}
                    arrays = {name: values.numpy() for name, values in many.items()}
                    here = _by_torch(path.stem, model, scorer, many)
                    with torch.inference_mode():
                        pairs = [
                            (
                                speed(lambda: session.run(None, arrays), given.batch, given.seconds / ROUNDS),  # noqa: B023
                                speed(here, given.batch, given.seconds / ROUNDS),
                            )
                            for _ in range(ROUNDS)
                        ]
                    there, torch_speed = (max(values) for values in zip(*pairs, strict=True))
                    line += f"  {threads} threads: {there:7,.0f} images/s, torch {torch_speed:7,.0f}"
                print(line, flush=True)


def compare_rounding(run: vaegan.Run) -> None:
    """Print the size and the differences of each way."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model, name = run.model(), "reconstruct.onnx"
    shown, calibrating = (vaegan.sample(model, 64, seed=seed).images.numpy() for seed in (1, 2))

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        parts = iter(np.split(calibrating, 8))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {"images": part}

    with tempfile.TemporaryDirectory() as folder:
        paths = {
            f"vaegan export --precision {one}": vaegan.export(model, Path(folder) / one, precision=one).folder / name
            for one in ("float32", "float16", "int8")
        }
        exact = paths["vaegan export --precision float32"]
        more = [Path(folder) / f"{number}.onnx" for number in range(3)]
        onnx.save(convert_float_to_float16(onnx.load(exact), keep_io_types=True), more[0])
        quantization.quantize_dynamic(exact, more[1], weight_type=quantization.QuantType.QUInt8)
        quantization.quantize_static(exact, more[2], Reader(), weight_type=quantization.QuantType.QInt8)
        paths |= dict(zip(("convert_float_to_float16", "quantize_dynamic", "quantize_static"), more, strict=True))
        (wanted,) = open_session(exact).run(None, {"images": shown})
        for label, path in paths.items():
            off = np.abs(open_session(path).run(None, {"images": shown})[0] - wanted) * 127.5
            print(f"{label:34} {path.stat().st_size / 1e6:6.2f} MB  largest {off.max():7.3f}  mean {off.mean():7.3f}")


def _by_torch(name: str, model: vaegan.VAEGAN, scorer: Scorer | None, inputs: dict[str, torch.Tensor]) -> Callable[[], object]:
    """The same work in torch."""
    if name != "score":
        part = Part(model, name)
        return lambda: part(*inputs.values())
    calibration = None if scorer is None else scorer.calibration

    def score() -> object:
        _, raw = measure(model, inputs["images"], model.level if scorer is None else scorer.level)
        return raw if calibration is None else calibration.combined(calibration.measurements(raw))

    return score


if __name__ == "__main__":
    main()
