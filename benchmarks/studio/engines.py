"""Which engine should run a model in a page: the page's own kernels, onnxruntime-web or TensorFlow.js.

    npm pack onnxruntime-web @tensorflow/tfjs @tensorflow/tfjs-backend-wasm    # and unpack each with: tar xzf
    python benchmarks/studio/engines.py RUN --onnxruntime ORT --tensorflow TFJS TFJS-WASM

takes a picture from a code and a code from a picture in headless Chromium, with one thread as a page opened from a file has it. The engines
take turns, so that whatever else the machine does meets all of them. It prints what each adds to a page, how long a picture takes, and how
far the pixels (from -1 to 1) are from torch's. It needs chromium, its driver, selenium, onnx and onnxscript.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import shutil
import statistics
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from selenium import webdriver
from torch import Tensor

from vaegan import VAEGAN, Run
from vaegan.studio.page import HERE, SCRIPTS
from vaegan.studio.program import trace
from vaegan.studio.weights import Packed

TURNS, WARM, INPUTS = 10, 16, 8
OWN = [Path(str(HERE / name)) for name in SCRIPTS]


class Quiet(SimpleHTTPRequestHandler):
    """Serves the folder, and says nothing."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def networks(model: VAEGAN) -> dict[str, tuple[torch.nn.Module, Tensor]]:
    """Each network with inputs."""
    architecture, generator = model.architecture, torch.Generator().manual_seed(0)
    codes = torch.randn(INPUTS, architecture.latent, generator=generator)
    with torch.no_grad():
        return {"decoder": (model.decoder, codes), "encoder": (model.encoder, model.decoder(codes))}


def write(folder: Path, model: VAEGAN) -> None:
    """What the page reads: the networks as programs and as ONNX."""
    packed = Packed()
    given: dict[str, Any] = {"programs": {}, "inputs": {}, "wanted": {}}
    for name, (network, inputs) in networks(model).items():
        program = trace(network, [inputs[:1]], f"{name}.")
        packed.add(program.tensors, "float32")
        given["programs"][name] = program.as_dict()
        given["inputs"][name] = inputs.flatten(1).tolist()
        with torch.no_grad():
            result = network(inputs)
        result = result if isinstance(result, Tensor) else result[0]
        given["wanted"][name] = result.flatten(1).tolist()
        torch.onnx.export(network, (inputs[:1],), str(folder / f"{name}.onnx"), dynamo=True, external_data=False, verbose=False)
    (folder / "weights.bin").write_bytes(packed.content)
    (folder / "given.json").write_text(json.dumps({**given, "weights": packed.index}))


def bring(folder: Path, args: argparse.Namespace) -> dict[str, list[Path]]:
    """Copy the engines beside the page: what each needs, by name."""
    files = {"own": OWN}
    if args.onnxruntime:
        dist = args.onnxruntime / "dist"
        files["onnxruntime"] = [dist / "ort.wasm.bundle.min.mjs", dist / "ort-wasm-simd-threaded.wasm"]
    if args.tensorflow:
        main, wasm = (folder / "dist" for folder in args.tensorflow)
        files["tensorflow"] = [main / "tf.min.js", wasm / "tf-backend-wasm.min.js", wasm / "tfjs-backend-wasm-simd.wasm"]
    for path in {path for paths in files.values() for path in paths}:
        shutil.copy(str(path), folder / path.name)
    scripts = [path.name for paths in files.values() for path in paths if path.suffix == ".js"]
    text = "".join(f'<script src="{name}"></script>' for name in dict.fromkeys([*scripts, "engines.js"]))
    if "onnxruntime" in files:
        text = f'<script>const ortModule = "./{files["onnxruntime"][0].name}";</script>{text}'
    shutil.copy(Path(__file__).with_name("engines.js"), folder / "engines.js")
    (folder / "index.html").write_text(f"<!DOCTYPE html>{text}")
    return files


def measure(folder: Path, turns: int) -> dict[str, Any]:
    """What the page says, of each network."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    if chromium := shutil.which("chromium"):
        options.binary_location = chromium
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(600)
        driver.get(f"http://127.0.0.1:{server.server_port}/index.html")
        script = """
            const [which, rounds, done] = arguments;
            measure(which, rounds).then((found) => done({ found }), (error) => done({ error: String(error.stack ?? error) }));
        """
        results: dict[str, Any] = {}
        for name in ("decoder", "encoder"):
            for _ in range(turns):
                answer = driver.execute_async_script(script, name, INPUTS)
                if "error" in answer:
                    raise SystemExit(f"{name}: {answer['error']}")
                for engine, found in answer["found"].items():
                    sum_ = results.setdefault(name, {}).setdefault(engine, {"milliseconds": [], "off": 0.0})
                    sum_["milliseconds"] += found["milliseconds"]
                    sum_["off"] = max(sum_["off"], found["off"])
        return results
    finally:
        driver.quit()
        server.shutdown()


def size(paths: list[Path]) -> tuple[float, float]:
    """Megabytes of files as they are, and in a page: compressed by gzip, which browsers unpack, and written in base64."""
    contents = [Path(str(path)).read_bytes() for path in paths]
    inlined = sum(len(base64.b64encode(gzip.compress(content, 9))) for content in contents)
    return sum(map(len, contents)) / 1e6, inlined / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--onnxruntime", type=Path, help="the folder of the unpacked package onnxruntime-web")
    parser.add_argument("--tensorflow", type=Path, nargs=2, help="those of @tensorflow/tfjs and @tensorflow/tfjs-backend-wasm")
    parser.add_argument("--turns", type=int, default=TURNS, help=f"how often each engine makes {INPUTS} pictures")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, Run.open(args.run).model())
        files = bring(folder, args)
        results = measure(folder, 2 + args.turns)
    print("| engine | MB | MB in a page | network | median ms | 95th percentile | times our own | largest difference |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for network, found in results.items():
        own = statistics.median(found["own"]["milliseconds"][WARM:])
        for engine, result in found.items():
            times = result["milliseconds"][WARM:]
            median, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            raw, inlined = size(files[engine])
            cells = [f"{raw:.2f}", f"{inlined:.2f}", network, f"{median:.1f}", f"{slow:.1f}", f"{median / own:.2f}", f"{result['off']:.1g}"]
            print("|", " | ".join([engine, *cells]), "|")


if __name__ == "__main__":
    main()
