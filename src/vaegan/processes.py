"""Which of several processes this is."""

import os


def is_leader() -> bool:
    """Whether this is the process that a person started, or the first of those that torchrun or SLURM did."""
    return _is_first("RANK", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_here() -> bool:
    """Whether this is the first process on its machine, which speaks of what is wrong with that."""
    return _is_first("LOCAL_RANK", "SLURM_LOCALID")


def _is_first(*ranks: str) -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ranks)
