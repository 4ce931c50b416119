"""How threads of torch wait for each other."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from vaegan import threads

from . import processes

CHOICE = "import json, os, vaegan; print(json.dumps([os.environ.get('GOMP_SPINCOUNT'), 'torch' in __import__('sys').modules]))"


def busy(running: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that so many threads run on a machine with two cores, all of them for this process."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"0.10 0.20 0.30 {running}/250 4711\n")


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Before torch is loaded, where the user has set nothing."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "torch")
    return monkeypatch


@pytest.mark.parametrize(("running", "spins"), [(1, None), (2, threads.SPINS), (9, threads.SPINS)])
def test_threads_sleep_soon_beside_other_programs(running: int, spins: str | None, unset: pytest.MonkeyPatch) -> None:
    busy(running, unset)
    threads.set_wait_policy()
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_cores_that_this_process_may_not_use_are_for_others(unset: pytest.MonkeyPatch) -> None:
    busy(60, unset)
    unset.setattr("os.cpu_count", lambda: 64)
    assert not threads.others_compute()
    busy(70, unset)
    unset.setattr("os.cpu_count", lambda: 64)
    assert threads.others_compute()


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_what_the_user_has_set_stays(name: str, unset: pytest.MonkeyPatch) -> None:
    busy(9, unset)
    unset.setenv(name, "active" if name == "OMP_WAIT_POLICY" else "7")
    threads.set_wait_policy()
    assert os.environ.get("GOMP_SPINCOUNT") in {None, "7"}


def test_workers_keep_what_their_agent_has_chosen(unset: pytest.MonkeyPatch) -> None:
    busy(9, unset)
    unset.setenv("LOCAL_WORLD_SIZE", "2")
    threads.set_wait_policy()
    assert "GOMP_SPINCOUNT" not in os.environ


def test_where_the_system_does_not_say_nothing_is_chosen(unset: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise FileNotFoundError

    busy(9, unset)
    unset.setattr(Path, "read_text", refuse)
    assert not threads.others_compute()


def test_the_choice_is_made_before_torch_is_loaded() -> None:
    done = processes.run(script=f"import os; os.sched_getaffinity = lambda _: range(10**6)\n{CHOICE}", fresh=True)
    assert json.loads(done.stdout) == [threads.SPINS, False], done.stderr
