"""Run a command, and write down what it took of the processor and of memory.

    python usage.py FOLDER STATS-FILE COMMAND ...

writes FOLDER/usage.json, and what the command says into FOLDER/log.txt. This is a small process of its own, which imports nothing large:
Linux counts the memory of a process from that of the process which started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PAUSE = 0.02
"""Seconds between looks at the statistics that the command writes."""


def main(folder: Path, stats: Path, command: list[str]) -> int:
    """Run it; returns its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and the command is not left behind
    began = time.perf_counter()
    points: list[tuple[int, float]] = []
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603
        size = 0
        try:
            while True:
                pid, status, used = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                with suppress(OSError, ValueError, KeyError, IndexError):  # there is no whole line yet
                    if (now := stats.stat().st_size) != size:
                        size = now
                        points.append((last_step(stats), processor_seconds(process.pid)))
                time.sleep(PAUSE)
        except BaseException:
            process.kill()
            process.wait()
            raise
    code = os.waitstatus_to_exitcode(status)
    found: dict[str, Any] = {
        "exit_code": code,
        "processor_seconds": used.ru_utime + used.ru_stime,  # with those of its own children
        "seconds": time.perf_counter() - began,
        "peak_mb": used.ru_maxrss * 1024 / 1e6,
        "points": points,
    }
    partial = folder / "usage.json.partial"
    partial.write_text(json.dumps(found) + "\n")
    partial.replace(folder / "usage.json")
    return code


def last_step(stats: Path) -> int:
    """The step of the last whole line."""
    return int(json.loads(stats.read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[2])["step"])


def processor_seconds(pid: int) -> float:
    """What a process has used so far, as Linux counts it: in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
