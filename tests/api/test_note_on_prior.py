"""Samples of a run that has no fitted prior yet say where their codes come from; tests/advice/test_looking.py follows what they advise."""

from __future__ import annotations

from pathlib import Path

import pytest

import vaegan
from vaegan.files import locked


def test_the_note_is_only_where_a_prior_will_come(trained: Path) -> None:
    assert vaegan.sample(trained, 1).notes == []
    run = vaegan.Run(trained)
    run.prior_file.unlink()
    assert "the run has no fitted prior" in vaegan.sample(trained, 1).notes[0]
    assert vaegan.sample(trained, 1, prior="standard").notes == []
    assert vaegan.sample(run.model_folder, 1).notes == []
    assert vaegan.sample(run.model(), 1).notes == []
    with locked(run.lock_file):
        assert "the prior is fitted at the end of the training" in vaegan.sample(trained, 1).notes[0]
    text = run.recipe_file.read_text()
    run.recipe_file.write_text(text.replace("held_out: 0.5", "held_out: 0.9"))
    assert vaegan.sample(trained, 1).notes == []  # four images are too few for a prior


def test_a_walk_says_so_too(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vaegan.Run(trained).prior_file.unlink()
    vaegan.walk(trained, seconds=0.2, tiles=(1, 1), progress=True)
    assert "samples come from N(0, I)" in capsys.readouterr().err
