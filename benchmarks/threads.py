"""How fast training is with one and two threads, on an idle machine and beside busy processes, by how long a thread spins before it sleeps.

    python benchmarks/threads.py [--recipes quick reference] [--threads 1 2] [--busy 0 1 2] [--spin default vaegan 1000]
        [--batch 8] [--seconds 6]

Each line is a fresh process that trains on random images for so many seconds, after three steps to warm up. OpenMP shares out the work of
torch. A thread that waits for another one looks again and again ("spins") before it sleeps: GOMP_SPINCOUNT says how often. `default` is
OpenMP's own, 300000; `vaegan` what the package chooses. A busy process does nothing but count, at normal priority. "processor" is the
time that 100 steps take of all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import vaegan  # before torch, as in the command line


def measure(recipe_name: str, threads: int, batch: int | None, seconds: float) -> tuple[float, float]:
    """Images a second, and seconds of processor for 100 steps, in this process."""
    import numpy as np
    import torch

    from vaegan.bench.benchmark import random_images, steady
    from vaegan.recipe import Recipe
    from vaegan.training.device import make_fabric
    from vaegan.training.trainer import Trainer

    torch.set_num_threads(threads)
    recipe = Recipe.load(recipe_name)
    recipe = steady(recipe, recipe.networks.size, batch or recipe.training.batch)
    with tempfile.TemporaryDirectory() as folder:
        images = random_images(Path(folder) / "set", recipe, lambda *_: None)
        trainer = Trainer(recipe, make_fabric("cpu", recipe.training.precision), images, np.arange(len(images)))
        for _ in range(3):
            trainer.train_step()
        clock, processor, steps = time.perf_counter(), time.process_time(), 0
        while steps < 2 or time.perf_counter() - clock < seconds:
            trainer.train_step()
            steps += 1
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return steps * recipe.training.batch / clock, 100 * processor / steps


def main() -> None:
    """Measure in fresh processes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["quick", "reference"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--spin", nargs="+", default=["default", "vaegan"])
    parser.add_argument("--batch", type=int, help="images a step; by default the recipe's")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measure(given.recipes[0], given.threads[0], given.batch, given.seconds)))
        return
    print(f"vaegan {vaegan.__version__}")
    print(f"{'recipe':12}{'busy':>5}{'threads':>8}{'spin':>10}{'images/s':>10}{'processor':>11}")
    for recipe in given.recipes:
        for busy in given.busy:
            others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
            try:
                for threads in given.threads:
                    for spin in given.spin if threads > 1 else given.spin[:1]:  # one thread waits for nobody
                        environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
                        if spin != "vaegan":
                            environment["GOMP_SPINCOUNT"] = "300000" if spin == "default" else spin
                        command = [sys.executable, __file__, "--child", "--recipes", recipe, "--threads", str(threads)]
                        command += ["--seconds", str(given.seconds), *(["--batch", str(given.batch)] if given.batch else [])]
                        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
                        speed, processor = json.loads(done.stdout)
                        print(f"{recipe:12}{busy:5}{threads:8}{spin:>10}{speed:10.1f}{processor:11.1f}", flush=True)
            finally:
                for other in others:
                    other.kill()


if __name__ == "__main__":
    main()
