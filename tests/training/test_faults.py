"""A run is never lost: not by signals, kills, a full disk, damaged or hostile files, or by somebody else's."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import torch
import yaml

import vaegan
from vaegan import UserError, cli
from vaegan.files import locked
from vaegan.training import checkpoint
from vaegan.workflow import resume, train

from .. import processes
from ..command import works
from ..tiny import QUIETLY, equal, flags, tiny
from .test_checkpoint import Hostile

EVERYTHING: dict[str, Any] = {"training__average_half_life": 10, "augmentation__flip": True, "objective__gamma_decay": 1.5}
"""What makes a resume harder."""


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing has disturbed."""
    return train(tiny(**EVERYTHING), tmp_path_factory.mktemp("straight") / "run", **QUIETLY).run


@pytest.fixture
def run(straight: Path, tmp_path: Path) -> Path:
    """A copy of it, to be disturbed."""
    return Path(shutil.copytree(straight, tmp_path / "run"))


def go_on(run: Path) -> None:
    works("train", f"--resume={run}", "--device=cpu", "--no-report")


def vaegan_process(before: str, *arguments: str) -> tuple[int, str]:
    """Run the command line in a process of its own, after some code; returns the exit code, and what was said."""
    done = processes.run(*arguments, before=before, merged=True)
    return done.returncode, done.stdout


def assert_same(run: Path, straight: Path) -> None:
    """The checkpoint, the model and the last picture are the same, bit for bit."""
    one, other = (checkpoint.load(folder / "checkpoints")[0] for folder in (run, straight))
    assert equal(one, other)
    for name in ("model/model.safetensors", "samples/step-000006.png"):
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    assert not list(run.rglob("*.partial"))


def stats(run: Path) -> list[dict[str, float]]:
    """The lines of stats.jsonl, but for the speed."""
    return [json.loads(line) | {"images_per_second": 0} for line in (run / "stats.jsonl").read_text().splitlines()]


# Signals


SENDING = """
import os, signal
from contextlib import contextmanager
from vaegan.__main__ import main
from vaegan.training import checkpoint, logger, trainer

def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)

def in_step(number, *signals):
    original = trainer.Trainer.inputs
    def inputs(self, *arguments):
        if self.step == number - 1:
            send(*signals)
        return original(self, *arguments)
    trainer.Trainer.inputs = inputs

def in_picture(number, *signals):
    original = logger.draw
    def draw(*arguments):
        logger.draw = original
        send(*signals)
        return original(*arguments)
    logger.draw = draw

def in_save(number, *signals):
    original = checkpoint.replacing
    @contextmanager
    def replacing(path):
        with original(path) as temporary:
            yield temporary
            if path.name == f"step-{number:08d}.pt":
                assert temporary.stat().st_size > 1000
                send(*signals)
    checkpoint.replacing = replacing

"""


@pytest.mark.parametrize(
    ("line", "code", "step"),
    [
        ("in_step(2, signal.SIGTERM)", 143, 3),  # noted within a step, so the next one is the last
        ("in_picture(4, signal.SIGTERM)", 143, 5),
        ("in_save(3, signal.SIGTERM)", 143, 4),
        ("in_step(4, signal.SIGINT)", 130, 5),
    ],
)
def test_a_signal_saves_the_run_and_says_how_to_go_on(line: str, code: int, step: int, straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended, said = vaegan_process(SENDING + line, "train", f"--run={run}", "--no-report", *flags(**EVERYTHING))
    assert ended == code, said
    assert said.splitlines()[-1] == f"stopped at step {step} of 6 and saved; continue with: vaegan train --resume {run}"
    assert "Traceback" not in said
    assert checkpoint.load(run / "checkpoints")[0]["step"] == step
    go_on(run)
    assert_same(run, straight)


def test_sigusr1_saves_and_goes_on(straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    keep = {"training__keep": 9, "training__checkpoint_every": 6}
    ended, said = vaegan_process(
        SENDING + "in_step(2, signal.SIGUSR1, signal.SIGUSR1)", "train", f"--run={run}", "--no-report", *flags(**EVERYTHING, **keep)
    )
    assert (ended, said.count("saved at step 3, as you asked")) == (0, 1), said
    assert [checkpoint.step_of(path) for path in checkpoint.checkpoints(run / "checkpoints")] == [6, 3]
    state, wanted = (checkpoint.load(folder / "checkpoints")[0] for folder in (run, straight))
    for one in (state, wanted):
        del one["identity"]
    assert equal(state, wanted)
    assert stats(run) == stats(straight)


def test_sigusr1_before_the_first_step_and_after_the_last_ends_nothing(tmp_path: Path) -> None:
    code = """
import vaegan.workflow
def around(name):
    original = getattr(vaegan.workflow, name)
    def sending(*arguments, **more):
        send(signal.SIGUSR1)
        return original(*arguments, **more)
    setattr(vaegan.workflow, name, sending)
around("images_of")
around("write_report")
"""
    ended, said = vaegan_process(SENDING + code, "train", f"--run={tmp_path / 'run'}", *flags(training__length="1 steps"))
    assert ended == 0, said
    assert "as you asked" not in said


def test_a_second_interrupt_while_saving_stops_at_once(straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ended, said = vaegan_process(SENDING + "in_save(6, signal.SIGINT, signal.SIGINT)", "train", f"--run={run}", *flags(**EVERYTHING))
    assert ended == 130
    assert said.endswith("is still there; run the same command again, or continue a run with: vaegan train --resume RUN\n")
    assert "Traceback" not in said
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000003.pt"]  # nor is half of another one left
    go_on(run)
    assert_same(run, straight)
    assert stats(run) == stats(straight)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks into /proc")
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been() -> None:
    done = processes.run_command(sys.executable, processes.ROOT / "benchmarks" / "torture.py", "--kills=4", "--steps=20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is as in the run that was not disturbed" in done.stdout


# A disk without space


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if not (sys.platform.startswith("linux") and mount and unmount):
        pytest.skip("there is no tmpfs here")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run([unmount, "--lazy", folder], check=True)


@pytest.mark.parametrize(
    ("full", "at"),
    [
        ("checkpoints/step-00000003.pt", 1),
        ("model/model.safetensors", 3),
        ("samples/step-000004.png", 1),
        ("stats.jsonl", 1),
        ("tensorboard/events*", 5),  # with the picture of step 4
    ],
)
def test_a_full_disk(  # noqa: PLR0917 (fixtures)
    full: str, at: int, small_disk: Path, straight: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is full from the moment that one of the files is opened for writing."""
    run, filler, opened = small_disk / "run", small_disk / "filler", [0]
    original: Callable[..., IO[Any]] = Path.open

    def fill(path: Path, mode: str = "r", *arguments: Any, **more: Any) -> IO[Any]:
        file = original(path, mode, *arguments, **more)
        if mode[0] in "aw" and path.with_name(path.name.removesuffix(".partial")).match(f"run/{full}"):
            opened[0] += 1
            if opened[0] == at:
                with original(filler, "wb", buffering=0) as blocks:
                    while shutil.disk_usage(small_disk).free:
                        blocks.write(bytes(4096))
        return file

    monkeypatch.setattr(Path, "open", fill)
    with pytest.raises(SystemExit) as exit_:
        cli.run(["train", f"--run={run}", "--no-report", *flags(**EVERYTHING, training__checkpoint_every=1)])
    monkeypatch.undo()
    assert exit_.value.code == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith(f"vaegan: No space left on device: {run}/{full.rstrip('*')}")
    assert f": free some space; the last checkpoint is {run}/checkpoints/" in sentence
    assert sentence.endswith(f"; continue with: vaegan train --resume {run}")
    assert checkpoint.load(run / "checkpoints")[0]["step"] in (1, 2, 3)
    filler.unlink()
    go_on(run)
    assert checkpoint.load(run / "checkpoints")[0]["step"] == 6
    assert stats(run) == stats(straight)
    for name in ("model/model.safetensors", "samples/step-000006.png", "samples/step-000004.png"):
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    assert not list(run.rglob("*.partial"))


def test_a_file_that_may_not_grow_is_named_and_the_last_checkpoint_kept(straight: Path, run: Path) -> None:
    """A limit on the size of files stands for a disk without space where there is none to mount."""
    most = (run / "checkpoints" / "step-00000006.pt").stat().st_size * 3 // 4
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
"""
    ended, said = vaegan_process(code, "train", f"--resume={run}", "--steps=9", "--device=cpu", "--no-report")
    assert ended == 2, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == f"vaegan: File too large: {run / 'checkpoints' / 'step-00000009.pt'}"
    assert equal(*(checkpoint.load(folder / "checkpoints")[0] for folder in (run, straight)))


# Files that are not as they were left


@pytest.mark.parametrize(
    "damage",
    [
        b'{"step": 6, "images": 24, "pri',
        b"\0" * 4096,
        b"\xff\xfe\n" + b"[" * 100_000,
        b'7\n"step"\n[1, 2]\nnull\n{"step": null}\n{"step": "six"}\n{"step": [1]}\n{"step": Infinity}\n{"step": NaN}\n{"stop": 1}',
    ],
    ids=["half a line", "zeros", "noise", "wrong types"],
)
def test_a_damaged_log_keeps_its_good_lines(damage: bytes, run: Path, straight: Path) -> None:
    (run / "checkpoints" / "step-00000006.pt").unlink()
    first, _, last = (run / "stats.jsonl").read_bytes().splitlines(keepends=True)
    (run / "stats.jsonl").write_bytes(first + damage + b"\n" + last + damage)
    go_on(run)
    assert stats(run) == stats(straight)
    assert_same(run, straight)


def test_a_line_is_of_all_its_steps_even_if_a_checkpoint_lies_between(run: Path, straight: Path) -> None:
    (run / "checkpoints" / "step-00000006.pt").unlink()
    go_on(run)  # from step 3: the next line is of steps 3 and 4
    assert stats(run) == stats(straight)


def test_what_was_half_written_is_removed(run: Path, straight: Path) -> None:
    (run / "checkpoints" / "step-00000006.pt").unlink()
    for name in ("recipe.yaml", "checkpoints/step-00000005.pt", "model/model.safetensors", "samples/step-000005.png"):
        (run / f"{name}.partial").write_bytes(b"half")
    go_on(run)
    assert_same(run, straight)


@pytest.mark.skipif(sys.platform != "win32" and not os.geteuid() and not processes.obedient(), reason="root may read and write everything")
@pytest.mark.parametrize(("what", "mode"), [("checkpoints", 0o000), ("checkpoints", 0o500), ("checkpoints/step-00000006.pt", 0o000)])
def test_checkpoints_that_may_not_be_read_or_written(what: str, mode: int, run: Path, straight: Path) -> None:
    """Above all they are not taken for none, or for damaged."""
    (run / what).chmod(mode)
    longer = flags(**EVERYTHING, training__length="9 steps")
    ended, said = vaegan_process("", "train", "--auto-resume", f"--run={run}", "--no-report", *longer)
    (run / what).chmod(0o755)
    assert ended == 2, said
    assert said.splitlines()[-1].startswith(f"vaegan: Permission denied: {run / what}")
    assert "Traceback" not in said
    assert equal(*(checkpoint.load(folder / "checkpoints")[0] for folder in (run, straight)))


def test_checkpoints_of_another_run_are_refused_with_what_differs(run: Path, tmp_path: Path) -> None:
    for overrides, sentence in (
        ({"networks__latent": 5}, r"its networks\.latent is 5, not 4"),
        ({"networks__size": (16, 24)}, "its networks.size is 16 24, not 16 16"),
        ({"objective__gamma": 0.5, "training__seed": 7}, r"its objective\.gamma is 0\.5, not .*, its training\.seed is 7, not 0"),
        ({"training__batch": 2}, "the run was trained with 2 images a step, "),
    ):
        other = train(tiny(**{**EVERYTHING, "training__length": "1 steps", **overrides}), tmp_path / str(overrides), **QUIETLY)
        shutil.copy(other.run / "checkpoints" / "step-00000001.pt", run / "checkpoints" / "step-00000007.pt")
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        with pytest.raises(UserError, match=sentence):
            resume(run, **QUIETLY)
        assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


# --auto-resume


@pytest.mark.parametrize(
    "left",
    [[], [".lock"], ["recipe.yaml.2.partial"], ["recipe.yaml"], ["recipe.yaml", "stats.jsonl", "samples/step-000004.png.partial"]],
)
def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(left: list[str], straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "samples").mkdir(parents=True) if len(left) > 1 else run.mkdir()
    for name in left:
        there = straight / name
        (run / name).write_bytes(there.read_bytes() if there.exists() else b"half")
    train(tiny(**EVERYTHING), run, auto_resume=True, **QUIETLY)
    assert_same(run, straight)
    assert stats(run) == stats(straight)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks")
def test_two_processes_do_not_train_into_one_folder(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    longer = flags(**EVERYTHING, training__length="9 steps")
    with locked(run / ".lock") as free:
        assert free
        for arguments, way_out in (
            (["--auto-resume", f"--run={run}", *longer], "choose another --run, or wait until that process ends"),
            ([f"--resume={run}", "--steps=9", "--device=cpu"], "wait until that process ends"),
        ):
            ended, said = vaegan_process("", "train", "--no-report", *arguments)
            assert ended == 2
            assert said.splitlines()[-1].startswith(f"vaegan: {run} is being trained by another process: {way_out}")
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    ended, said = vaegan_process("", "train", "--auto-resume", f"--run={run}", "--no-report", *longer)
    assert ended == 0, said


def test_a_finished_run_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    works("train", "--auto-resume", f"--run={run}", "--no-report", *flags(**EVERYTHING))
    assert f"{run} is finished: it is at step 6 of 6" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["precious", "recipe.yaml.old", ".hidden", "recipe.yaml/x"])
def test_what_is_no_run_is_refused_and_not_touched(name: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / name).parent.mkdir(parents=True)
    (run / name).write_text("data")
    with pytest.raises(UserError, match=f"{run} exists already: choose another --run"):
        train(tiny(), run, auto_resume=True, **QUIETLY)
    assert [path for path in run.rglob("*") if path.is_file()] == [run / name]
    assert (run / name).read_text() == "data"


@pytest.mark.parametrize("what", ["network", "optimizer", "nothing"])
def test_a_checkpoint_that_does_not_fit_its_networks_is_refused(what: str, run: Path) -> None:
    state, _ = checkpoint.load(run / "checkpoints")
    if what == "network":
        state["model"]["encoder.mean.weight"] = torch.zeros(2)
    elif what == "optimizer":  # torch takes this, and its kernel would read and write what is beyond
        state["optimizers"]["encoder"][0]["exp_avg_sq"] = torch.zeros(2)
    else:
        state = {}
    checkpoint.save(run / "checkpoints", 7, {**state, "step": 7}, keep=9)
    with pytest.raises(UserError, match="the checkpoint of step 7 does not fit the networks of its recipe: remove this checkpoint"):
        train(tiny(**EVERYTHING, training__length="9 steps"), run, auto_resume=True, **QUIETLY)


def test_a_changed_recipe_is_refused_with_what_differs(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(
        UserError, match=r"cannot change the settings of a run that has started: its training\.average_half_life is 10, not 20"
    ):
        train(tiny(**{**EVERYTHING, "training__average_half_life": 20}), run, auto_resume=True, **QUIETLY)
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


# Files of people who mean harm


HOSTILE_YAML = "training: !!python/object/apply:os.mkdir ['{}']\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("model/model.safetensors", "pickle"), ("model/config.json", "pickle"), ("recipe.yaml", "pickle"), ("recipe.yaml", "yaml")],
)
def test_nothing_in_a_file_is_run(name: str, kind: str, run: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = run.parent / "trace"
    content = pickle.dumps(Hostile(trace)) if kind == "pickle" else HOSTILE_YAML.format(trace).encode()
    (run / name).write_bytes(content)
    commands = [["sample", str(run)], ["reconstruct", str(run), str(photos)]]
    if name == "recipe.yaml":
        commands = [["train", f"--resume={run}"]]
    else:
        with pytest.raises(UserError, match="damaged"):
            vaegan.load(run)
    for arguments in commands:
        with pytest.raises(SystemExit) as exit_:
            cli.run(arguments)
        assert exit_.value.code == 2
        error = capsys.readouterr().err
        assert str(run / name) in error.splitlines()[-1]
        assert "Traceback" not in error
    assert not trace.exists()
    pickle.loads(content) if kind == "pickle" else yaml.unsafe_load(content)  # it would have
    assert trace.exists()
