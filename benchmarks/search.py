"""How fast the nearest codes are found among many, and whether they are just those that float64 finds.

    python benchmarks/search.py [--codes 200000] [--latent 128] [--queries 100] [--count 10]

The codes are normal, as posterior means are, and one in a hundred is there twice, so that there are equal distances to break. They are
compared to numpy in float64 over all differences: numbers and distances must be the same, bit for bit.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from vaegan.metrics.neighbors import nearest


def main(codes: int, latent: int, queries: int, count: int) -> None:
    """Search both ways."""
    random = np.random.default_rng(0)
    among = random.standard_normal((codes, latent), np.float32)
    among[random.integers(0, codes, codes // 100)] = among[random.integers(0, codes, codes // 100)]
    asked = random.standard_normal((queries, latent), np.float32)
    asked[: queries // 2] = among[random.integers(0, codes, queries // 2)]  # half of the queries are among them
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    numbers, distances = nearest(asked, among, count)
    seconds = time.perf_counter() - began
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{queries} queries among {codes:,} codes of {latent}: {seconds:.2f} s, {memory:.0f} MB on top of the codes")
    began = time.perf_counter()
    same = 0
    for query, found, far in zip(asked, numbers, distances, strict=True):
        squares = np.square(query.astype(np.float64) - among).sum(1)
        order = np.argsort(squares, kind="stable")[:count]
        same += bool(np.array_equal(order, found) and np.array_equal(np.sqrt(squares[order]), far))
    print(f"numpy in float64: {time.perf_counter() - began:.2f} s; the same numbers and distances for {same} of {queries} queries")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("codes", 200_000), ("latent", 128), ("queries", 100), ("count", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    main(**vars(parser.parse_args()))
