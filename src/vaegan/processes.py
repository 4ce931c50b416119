"""Which of several processes this is."""

import os


def is_leader() -> bool:
    """Whether this is the process that a person started, or the first of those that torchrun or SLURM did."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
