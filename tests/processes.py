"""Processes of their own, for tests: quick to begin, alike however the tests were started, and none of them is left over.

Each is a fork of one, the nursery, that has imported everything once and has started no thread: importing all that takes seconds. It has
the signals as a program in the foreground has them, even if the tests run in the background or under nohup, a session of its own, and no
right of root's to pass over permissions. Who needs a process that begins from nothing gets one that is the same in all other respects.
"""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import json
import math
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
LIMIT = 600.0
"""After so many seconds something hangs. It ends a test that would never end, and no other, however busy the machine."""
OBEYING = ["--bounding-set=-dac_override,-dac_read_search"]


# In the tests


class Process:
    """One process, like subprocess.Popen. Leaving the context ends it with all that it has started."""

    def __init__(self, nursery: socket.socket, outputs: Mapping[str, int]) -> None:
        """Take where the nursery, and then the process itself, tell of it, and where its outputs can be read."""
        self.returncode: int | None = None
        self._nursery, self._news = nursery, nursery.makefile("rb", buffering=0)
        self._outputs = {descriptor: (name, bytearray()) for name, descriptor in outputs.items()}
        self._selector = selectors.DefaultSelector()
        for descriptor in self._outputs:
            self._selector.register(descriptor, selectors.EVENT_READ)
        self.pid = int(self._news.readline())
        self._selector.register(nursery, selectors.EVENT_READ)

    def poll(self) -> int | None:
        """The exit code, or the number of the signal that ended it below 0, or None as long as it runs."""
        self._take(0)
        return self.returncode

    def until(self, there: Callable[[], object]) -> None:
        """Wait until something is so. Fails if the process ends before."""
        began = time.monotonic()
        while not there():
            ended = self.poll() is not None
            assert not ended or there(), f"it ended with {self.returncode} before: {self.communicate()}"
            self._take(0.01, began)

    def wait(self) -> int:
        """Wait for its end."""
        began = time.monotonic()
        while self.returncode is None:
            self._take(1, began)
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """What it has said on both outputs, when neither it nor anything that it has started can say more."""
        began = time.monotonic()
        while self._selector.get_map():
            self._take(1, began)
        return self._said("stdout"), self._said("stderr")

    def send_signal(self, number: int) -> None:
        """To this process alone."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def signal_all(self, number: int) -> None:
        """To this process and all that it has started, as schedulers do."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """This process alone."""
        self.send_signal(signal.SIGKILL)

    def _take(self, seconds: float, began: float | None = None) -> None:
        """What there is to read, or comes in some time."""
        if began and time.monotonic() - began > LIMIT:
            self.signal_all(signal.SIGKILL)
            raise TimeoutError(f"it hangs; it said {self._said('stdout')}{self._said('stderr')}")
        if not self._selector.get_map():
            time.sleep(seconds)
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._nursery:
                self.returncode = int(self._news.readline())
                self._selector.unregister(self._nursery)
                continue
            block = os.read(key.fd, 1 << 16)
            self._outputs[key.fd][1].extend(block)
            if not block:
                self._selector.unregister(key.fd)

    def _said(self, name: str) -> str:
        return b"".join(bytes(said) for one, said in self._outputs.values() if one == name).decode()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.signal_all(signal.SIGKILL)
        self.wait()
        self._selector.close()
        self._news.close()
        self._nursery.close()
        for descriptor in self._outputs:
            os.close(descriptor)


def start(
    *arguments: object,
    before: str = "",
    script: str | None = None,
    fresh: bool = False,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    merged: bool = False,
) -> Process:
    """Start `vaegan` with some arguments, after some lines of Python; or a script in its place; use it as a context.

    Args:
        fresh: begin from nothing, as a person's shell would begin it.
        env: what is other than around here.
        merged: have standard error with standard output.
    """
    if not fresh:
        return _start({"before": before, "script": script, "arguments": [*map(str, arguments)]}, cwd, env, merged)
    if script is not None:
        return start_command(sys.executable, "-c", script, *arguments, cwd=cwd, env=env, merged=merged)
    if before:
        return start(*arguments, script=f"{before}\nfrom vaegan.__main__ import main\nmain()", fresh=True, cwd=cwd, env=env, merged=merged)
    return start_command(sys.executable, "-m", "vaegan", *arguments, cwd=cwd, env=env, merged=merged)


def start_command(*command: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, merged: bool = False) -> Process:
    """Start any program."""
    return _start({"command": [*map(str, command)]}, cwd, env, merged)


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as `start`, to its end."""
    return _finished(start(*arguments, **options))


def run_command(*command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as `start_command`, to its end."""
    return _finished(start_command(*command, **options))


def _finished(started: Process) -> subprocess.CompletedProcess[str]:
    with started as process:
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess([], process.wait(), stdout, stderr)


@cache
def obedient() -> list[str]:
    """What a command begins with so that permissions hold for it, where this is root; nothing where that cannot be, or is so anyway."""
    setpriv = shutil.which("setpriv")
    if not setpriv or os.geteuid():
        return []
    tried = subprocess.run([setpriv, *OBEYING, setpriv, "--dump"], capture_output=True, check=False)
    return [] if tried.returncode else [setpriv, *OBEYING]


def _start(request: dict[str, Any], cwd: Path | None, env: Mapping[str, str] | None, merged: bool) -> Process:
    if sys.platform == "win32":
        import pytest

        pytest.skip("processes are forked")
    source = importlib.util.find_spec("vaegan")
    assert source
    assert source.origin
    quick = {"PYTHONPATH": str(Path(source.origin).parents[1]), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    request |= {"cwd": str(cwd or Path.cwd()), "env": {**os.environ, **quick, **(env or {})}}
    mine, its = socket.socketpair()
    stdout, said = os.pipe()
    stderr, complained = (stdout, said) if merged else os.pipe()
    try:
        socket.send_fds(_nursery(), [b"\n"], [its.fileno(), said, complained])
    finally:
        its.close()
        for descriptor in {said, complained}:
            os.close(descriptor)
    mine.sendall(json.dumps(request).encode() + b"\n")
    return Process(mine, {"stdout": stdout} if merged else {"stdout": stdout, "stderr": stderr})


@cache
def _nursery() -> socket.socket:
    """Where to ask for processes."""
    mine, its = socket.socketpair()
    begin = f"import sys; sys.path[0] = {str(ROOT)!r}; from tests.processes import serve; serve({its.fileno()})"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [*obedient(), sys.executable, "-c", begin]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[its.fileno()], env=environment)
        its.close()
        if not mine.recv(1):
            log.seek(0)
            raise RuntimeError(log.read().decode())

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine


# In the nursery


def serve(control: int) -> None:
    """Become a process whenever one is asked for; tell who asked its number and how it ends; end with who asks."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they go to all that run in a terminal or a job: who asks decides
        signal.signal(number, signal.SIG_IGN)
    import gc

    import torch

    import vaegan.bench
    import vaegan.cli
    import vaegan.progress
    import vaegan.report
    import vaegan.training.logger
    import vaegan.training.loggers.tensorboard
    from vaegan.cli.commands import COMMANDS

    for command in {one.function.partition(":")[0] for one in COMMANDS}:
        importlib.import_module(command)
    torch.set_num_threads(1)
    for module in (vaegan.progress, vaegan.training.logger):
        vars(module)["PLAIN_SECONDS"] = math.inf  # what is said does not depend on how long it takes
    if sys.platform.startswith("linux"):
        assert len(os.listdir("/proc/self/task")) == 1, "a process with threads cannot be forked"  # noqa: PTH208
    del sys.path[0]
    gc.collect()
    gc.freeze()  # else each fork copies what it collects
    asking = socket.socket(fileno=control)
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    asking.sendall(b"\n")
    started: dict[int, socket.socket] = {}
    while True:
        with selectors.DefaultSelector() as selector:
            for connection in (asking, woken, *started.values()):
                selector.register(connection, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        if woken in ready:
            woken.recv(4096)
            _reap(started)
        _end(pid for pid, connection in started.items() if connection in ready)  # who asked has gone
        if asking in ready:
            word, descriptors, *_ = socket.recv_fds(asking, 1, 3)
            if not word:
                _end(started)
                return
            connection = socket.socket(fileno=descriptors[0])
            request = json.loads(connection.makefile("rb").readline())
            pid = os.fork()
            if not pid:
                for one in (asking, woken, waking, *started.values()):
                    one.close()
                _become(request, connection, *descriptors[1:])
            for descriptor in descriptors[1:]:
                os.close(descriptor)
            started[pid] = connection


def _end(groups: Iterable[int]) -> None:
    for pid in groups:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _reap(started: dict[int, socket.socket]) -> None:
    """Tell of all that have ended."""
    while started:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with started.pop(pid) as connection, suppress(BrokenPipeError):
            connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(request: dict[str, Any], asked: socket.socket, stdout: int, stderr: int) -> NoReturn:
    """Turn this fork into what was asked for; its exceptions and exits are this process's, as if nothing had been before."""
    os.setsid()
    asked.sendall(b"%d\n" % os.getpid())
    asked.close()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in {stdout, stderr}:
        os.close(descriptor)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.alarm(int(2 * LIMIT))
    os.chdir(request["cwd"])
    if "command" in request:
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what it becomes would, too
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(request["command"][0], request["command"], request["env"])
    os.environ.clear()
    os.environ.update(request["env"])
    tempfile.tempdir = None  # it may have looked where that is
    sys.argv = ["vaegan" if request["script"] is None else "-c", *request["arguments"]]
    main: dict[str, Any] = sys.modules["__main__"].__dict__
    exec(request["before"] if request["script"] is None else request["script"], main)
    if request["script"] is None:
        from vaegan.__main__ import main as vaegan_main

        vaegan_main()
    raise SystemExit
