"""A checkpoint is whole or it is not taken, and reading one runs nothing."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from vaegan import UserError
from vaegan.training import checkpoint
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, equal, tiny

STATE = {"model": {"weights": torch.arange(500.0)}, "rollbacks": 0, "identity": {"recipe": {"a": (1, 2)}}}


def sealed(content: bytes, form: int = checkpoint.FORMAT) -> bytes:
    """With a mark and a checksum, as whoever knows how they are made can have them."""
    marked = content + checkpoint.MARK + b"%04d" % form
    return marked + hashlib.sha256(marked).digest()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 12, STATE, keep=2)
    assert path.name == "step-00000012.pt"
    state, damaged = checkpoint.load(tmp_path)
    assert equal(state, {"step": 12, **STATE})
    assert damaged == []
    assert equal(torch.load(path, weights_only=True), state)  # others can read it without us


def test_a_checkpoint_that_lost_its_end_or_a_bit_is_never_taken(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, STATE, keep=2)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    places = [*random.choice(len(whole), 98, replace=False).tolist(), 0, len(whole) - 1]
    for place in places:
        path.write_bytes(whole[:place])
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.read(path)
    for place in [*random.choice(len(whole), 190, replace=False).tolist(), *range(len(whole) - checkpoint.TRAILER, len(whole), 8)]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(checkpoint.DamagedError):
            checkpoint.read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(checkpoint.DamagedError):
        checkpoint.read(path)


def test_the_newest_ones_and_every_so_many_steps_are_kept(tmp_path: Path) -> None:
    for step in range(0, 36, 3):
        checkpoint.save(tmp_path, step, STATE, keep=2, keep_every=12)
    assert [checkpoint.step_of(path) for path in checkpoint.checkpoints(tmp_path)] == [33, 30, 24, 12]
    (tmp_path / "step-note.pt").write_text("not a checkpoint's name")
    checkpoint.save(tmp_path, 36, STATE, keep=1)
    assert [checkpoint.step_of(path) for path in checkpoint.checkpoints(tmp_path)] == [36]


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 1, STATE, keep=2)
    path.write_bytes(sealed(path.read_bytes()[: -checkpoint.TRAILER], form=2))
    with pytest.raises(
        UserError, match=r"step-00000001\.pt: it was written by another version of vaegan; train a new run from its weights with: "
    ):
        checkpoint.load(tmp_path)


def test_what_is_damaged_is_not_counted_among_those_that_are_kept(tmp_path: Path) -> None:
    """Else one that is saved after going back would be the first to be removed."""
    for step in (1, 2):
        checkpoint.save(tmp_path, step, STATE, keep=2)
    newest = checkpoint.checkpoints(tmp_path)[0]
    newest.write_bytes(newest.read_bytes()[:100])
    state, damaged = checkpoint.take(tmp_path)
    assert (state["step"], damaged) == (1, [newest])
    checkpoint.save(tmp_path, 1, STATE, keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001.pt", "step-00000002.pt.damaged"]


class Hostile:
    """A pickle that writes a file where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def hostile_content(trace: Path, kind: str) -> bytes:
    if kind == "pickle":
        return pickle.dumps(Hostile(trace))
    content = io.BytesIO()
    state = {"step": 3, "model": Hostile(trace)} if kind == "within" else Hostile(trace)
    torch.save(state, content, _use_new_zipfile_serialization=kind != "old")
    return content.getvalue()


@pytest.mark.parametrize("kind", ["pickle", "within", "whole", "old"])
def test_a_checkpoint_that_would_run_code_is_passed_over(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, trace = tmp_path / "run", tmp_path / "trace"
    train(tiny(training__length="3 steps"), run, **QUIETLY)
    for content in (hostile_content(trace, kind), sealed(hostile_content(trace, kind))):  # a stranger's, and one with a good checksum
        (run / "checkpoints" / "step-00000009.pt").write_bytes(content)
        state, damaged = checkpoint.load(run / "checkpoints")
        assert (state["step"], [path.name for path in damaged]) == (3, ["step-00000009.pt"])
    longer = tiny(training__length="4 steps")
    resume(run, longer, device="cpu", report=False, progress=Console(stderr=True, highlight=False))
    assert "skipped a damaged checkpoint" in capsys.readouterr().err
    assert not trace.exists()
    pickle.loads(hostile_content(trace, "pickle"))  # it would have
    assert trace.exists()


def test_a_damaged_checkpoint_is_named_set_aside_and_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    train(tiny(), run, **QUIETLY)
    straight = checkpoint.load(run / "checkpoints")[0]
    newest, older = checkpoint.checkpoints(run / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:1000])
    resume(run, device="cpu", report=False, progress=Console(stderr=True, highlight=False))
    assert f"skipped a damaged checkpoint: {newest}" in capsys.readouterr().err
    assert sorted(path.name for path in newest.parent.iterdir()) == [older.name, newest.name, newest.name + ".damaged"]
    assert equal(checkpoint.load(run / "checkpoints")[0], straight)
    for path in (newest, older):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="its 2 checkpoints are all damaged"):
        resume(run, **QUIETLY)
    assert newest.exists()  # nothing was moved where nothing was won


def test_damaged_checkpoints_do_not_push_out_a_good_one(tmp_path: Path) -> None:
    """Several newer ones are damaged; what is saved on the way back to them has to stay."""
    run = tmp_path / "run"
    recipe = tiny(training__checkpoint_every=1, training__keep=4)
    train(recipe, run, **QUIETLY)
    newest = checkpoint.checkpoints(run / "checkpoints")
    for path in newest[:3]:
        path.write_bytes(b"")
    resume(run, tiny(training__checkpoint_every=1, training__keep=1, training__length="4 steps"), **QUIETLY)
    assert checkpoint.load(run / "checkpoints")[0]["step"] == 4
