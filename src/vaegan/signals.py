"""Stopping well: the first signal asks, the second one insists. And saving when asked."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The run was asked to stop by a signal, and has saved where it is."""

    def __init__(self, sentence: str, received: int | None) -> None:
        """Take the signal's number, or None where it was another process that received it: an interrupt would have come to all."""
        super().__init__(sentence)
        self.exit_code = 128 + (received or signal.SIGTERM)


class StopSignal:
    """Within, the first interrupt or SIGTERM is noted, so that a step can end well; the second one acts as ever."""

    def __init__(self, notice: str = "", *, saves: bool = False, insists: bool = True) -> None:
        """Take what is said on standard error as soon as a signal comes, if that may take a while to show.

        With `saves`, SIGUSR1 is noted, too, in `asked_to_save`, as often as it comes. Without `insists`, the second interrupt or SIGTERM
        is only noted, like the first.
        """
        self._insists = insists
        self.received: int | None = None
        self.asked_to_save = False
        self.notice = notice
        self._handlers: dict[int, Any] = dict.fromkeys((signal.SIGINT, signal.SIGTERM), self._note)
        if saves and hasattr(signal, "SIGUSR1"):  # Windows has none
            self._handlers[signal.SIGUSR1] = self._note_save
        self._before: dict[int, Any] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.notice and self.received is None:
            os.write(2, f"\n{self.notice}\n".encode())  # print() may be in the middle of something
        self.received = number
        if not self._insists:
            return
        for insisting in {signal.SIGINT, signal.SIGTERM} & self._before.keys():
            signal.signal(insisting, self._before.pop(insisting))

    def _note_save(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_save = True

    def __enter__(self) -> StopSignal:
        try:
            for number, handler in self._handlers.items():
                self._before[number] = signal.signal(number, handler)
        except ValueError:  # not in the main thread: whoever owns it handles signals
            pass
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
