"""Which of several processes this is."""

import os


def is_leader() -> bool:
    """Whether this is the process that a person started, and not one that was started to help it (by Fabric or torchrun)."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"
