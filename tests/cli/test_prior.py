"""vaegan fit-prior, and --prior of the commands that draw samples, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaegan import Run

from ..command import fails, works


def test_fit_prior(trained: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Run(trained).prior_file
    kept = file.read_bytes()
    file.unlink()
    capsys.readouterr()
    works("fit-prior", trained, "--device", "cpu")
    assert capsys.readouterr().out == f"the prior is one Gaussian, fitted to 20 codes\nwrote {file}\n"
    assert file.read_bytes() == kept
    file.unlink()
    works("fit-prior", trained / "model", "--data", photos, "--device", "cpu", "--components", 1, "--seed", 3)
    assert "fitted to 38 codes" in capsys.readouterr().out
    assert file.is_file()


def test_samples_of_both_priors(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def drawn(command: str, name: str, *arguments: object) -> bytes:
        works(command, trained, *arguments, "--out", tmp_path / name)
        return (tmp_path / name).read_bytes()

    film = ("--seconds", 0.3, "--fps", 10, "--tiles", "1x2")
    for command, name, arguments in (("sample", "a.png", ()), ("walk", "a.gif", film), ("search", "b.png", ("--samples", 3))):
        default, fitted, standard = (
            drawn(command, name, *arguments, *more) for more in ((), ("--prior", "fitted"), ("--prior", "standard"))
        )
        assert default == fitted != standard, command
    capsys.readouterr()
    works("search", trained, "--samples", 3)
    assert "samples of the fitted prior" in capsys.readouterr().out
    Run(trained).prior_file.unlink()
    assert drawn("sample", "a.png") == drawn("sample", "a.png", "--prior", "standard")
    for command in ("sample", "walk"):
        assert "fit one with: vaegan fit-prior RUN" in fails(capsys, command, trained, "--prior", "fitted")
    assert "standard" in fails(capsys, "sample", trained, "--prior", "other")


def test_mistakes(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(trained.rglob("*"))
    for arguments, words in (
        (["--components", 0], "--components must be at least 1"),
        (["--seed", -1], "--seed must be at least 0"),
        (["--data", "nowhere"], "nowhere does not exist"),
    ):
        assert words in fails(capsys, "fit-prior", trained, *arguments)
    assert "does not exist" in fails(capsys, "fit-prior", tmp_path / "nowhere")
    assert "give images with --data" in fails(capsys, "fit-prior", trained / "model")
    assert sorted(trained.rglob("*")) == before
