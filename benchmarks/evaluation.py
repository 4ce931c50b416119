"""How long an evaluation takes, and how much memory.

    python benchmarks/evaluation.py [--samples 2000 10000 20000] [--side 64] [--extractor efficientnet] [--threads 2]

evaluates networks of the recipe `quick` on built-in avatars, once for each number of samples and in a fresh process each, with nothing in
the cache but the avatars. The networks are not trained: what they take does not depend on it. Seconds are of the wall clock and of the
processor; where they are far apart, the machine was busy. Memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import replace
from typing import get_args

import torch

from vaegan import VAEGAN, Recipe
from vaegan.data import ImageSet, Preparation, open_images, split
from vaegan.metrics.context import Context
from vaegan.metrics.evaluate import evaluate
from vaegan.metrics.extractors.registry import DEFAULT, ExtractorName, choose
from vaegan.training.device import keep_freed_memory

HELD_OUT = 0.05


def measure(images: ImageSet, samples: int, kind: ExtractorName, threads: int) -> None:
    """Evaluate, and print a line; in a process of its own."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    torch.manual_seed(0)
    model = VAEGAN(replace(Recipe.load("quick").networks, size=images.preparation.size), images.preparation).eval()
    training, held_out = split(images, HELD_OUT)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["VAEGAN_CACHE"] = cache
        wall, processor = time.perf_counter(), time.process_time()
        extractor = choose(kind, images, training, torch.device("cpu"))
        chosen = time.perf_counter() - wall
        evaluate(Context(model, images, training, held_out, extractor, samples=samples))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    counts = f"{samples:10,}{min(samples, len(training)):10,}{min(samples, len(held_out)):10,}"
    print(f"{counts}{wall:10.0f}{processor:12.0f}{chosen:12.0f}{peak:10,.0f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[2000, 10_000, 20_000])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--extractor", choices=get_args(ExtractorName), default=DEFAULT)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    count = round(max(arguments.samples) / (1 - HELD_OUT)) + 100
    images = open_images("avatars", Preparation((arguments.side, arguments.side)), count=count, progress=lambda *_: None)
    print(f"{arguments.side}x{arguments.side}, {arguments.extractor}, {arguments.threads} threads of {os.cpu_count()} cores")
    print(f"{'samples':>10}{'training':>10}{'held out':>10}{'wall s':>10}{'processor s':>12}{'of it, extr.':>12}{'peak MB':>10}")
    for samples in arguments.samples:
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(images, samples, arguments.extractor, arguments.threads)
        )
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
