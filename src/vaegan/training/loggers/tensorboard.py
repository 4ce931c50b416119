"""What TensorBoard shows, written event by event."""

from __future__ import annotations

import io
import os
import socket
import time

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import summary

from ...files import append
from ...recipe import Recipe
from ...run import Run
from .base import Logger

VERSION = "brain.Event:2"


class TensorboardWriter(Logger):
    """A file of events.

    torch's own writer has a thread, which keeps events for up to two minutes: a process that is killed loses them, and a full disk
    is told of by a traceback from there. Here an event is on its way to the disk when a call returns, and a fault is raised by it.
    """

    def __init__(self, run: Run, recipe: Recipe, step: int) -> None:
        """Begin a file. TensorBoard will pass over what older files have to say of steps after `step`."""
        super().__init__(run, recipe, step)
        folder = run.tensorboard_folder
        folder.mkdir(parents=True, exist_ok=True)
        number = sum(1 for _ in folder.iterdir())  # TensorBoard reads files in the order of their names
        self._path = folder / f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{number}"
        self._write(Event(step=step + 1, file_version=VERSION), Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, values: dict[str, float], step: int) -> None:
        """A point of each of these curves."""
        self._write(*(_event(summary.scalar(name, value), step) for name, value in values.items()))

    def text(self, name: str, text: str, step: int) -> None:
        """A sentence."""
        self._write(_event(summary.text(name, text), step))

    def image(self, name: str, picture: Image.Image, step: int) -> None:
        """A picture."""
        self._write(_event(summary.image(name, np.asarray(picture), dataformats="HWC"), step))

    def _write(self, *events: Event) -> None:
        records = io.BytesIO()
        writer = RecordWriter(records)
        for event in events:
            event.wall_time = time.time()
            writer.write(event.SerializeToString())
        append(self._path, records.getvalue())


def _event(content: Summary, step: int) -> Event:
    return Event(summary=content, step=step)
