"""What tests rely on: their processes are alike however the tests were started, and none is left over."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from .processes import LIMIT, run, start

STATE = """
import os, signal, sys
ignored = [number.name for number in signal.Signals if signal.getsignal(number) == signal.SIG_IGN]
print(ignored, signal.getsignal(signal.SIGINT) is signal.default_int_handler, list(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
print(os.getpid() == os.getsid(0), sys.argv, os.getcwd(), os.environ["ODD"], sys.stdin.read())
"""


@pytest.mark.parametrize("fresh", [False, True])
def test_a_process_is_as_a_person_would_have_started_it(fresh: bool, tmp_path: Path) -> None:
    """What Python ignores by itself is ignored, and nothing else, even if it is where the tests run."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        done = run(1, "a b", script=STATE, fresh=fresh, cwd=tmp_path, env={"ODD": "ö"})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["['SIGPIPE', 'SIGXFSZ'] True []", f"True ['-c', '1', 'a b'] {tmp_path} ö "]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a sentence')", 1, "a sentence\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'the end'); raise KeyboardInterrupt", -signal.SIGINT, "the end"),
    ],
)
def test_ends(script: str, code: int, words: str, fresh: bool) -> None:
    done = run(script=script, fresh=fresh)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_nothing_is_left_over(tmp_path: Path) -> None:
    """Neither a process, nor what it has started."""
    script = "import os, subprocess, sys; os.mkfifo(sys.argv[1]); subprocess.Popen(['cat', sys.argv[1]])"
    with start(tmp_path / "pipe", script=script) as process:
        assert process.wait() == 0
        writer = os.open(tmp_path / "pipe", os.O_WRONLY)  # when cat is there to read
    gone = select.poll()
    gone.register(writer, 0)
    assert gone.poll(1000 * LIMIT) == [(writer, select.POLLERR)]
    os.close(writer)


def test_what_it_waits_for_may_never_come() -> None:
    with start(script="print('never')") as process, pytest.raises(AssertionError, match=r"it ended with 0 before: .*never"):
        process.until(lambda: False)
