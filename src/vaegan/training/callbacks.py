"""What a program hooks into a training: `vaegan.train(..., callbacks=[...])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import unknown_name
from .step import StepResult

if TYPE_CHECKING:
    from .trainer import Trainer

HOOKS = ("on_step", "on_log", "on_picture", "on_checkpoint", "on_end")


class Callback:
    """Inherit from this, and write those of the methods that you need; the others do nothing.

    They are called when all that belongs to a step is written, in the order in which they stand here. Of several processes, only the
    first one calls them. What they see of the trainer, which they must not change:

    - `trainer.step`, `trainer.steps`, `trainer.epoch`: steps taken, steps in all, and the epoch of the next step, from 0. After a
      rollback, `step` is lower than before.
    - `trainer.model`: the `VAEGAN` that is trained; `trainer.shown`: the one that is saved, which is the average where there is one.
    - `trainer.recipe`, `trainer.run`, `trainer.learning_rate()`, `trainer.fabric.device`.

    They may ask for two things: `trainer.ask_to_stop()` ends the training well after the next step, and `trainer.ask_to_save()` saves
    after the next step.

    If one of them raises, the run is saved, unless a loss, a gradient or a weight is not finite. The error goes on to whoever called
    `vaegan.train`.

    Raises:
        UserError: a class has a method that begins with `on_` and is none of these.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name in vars(cls):
            if name.startswith("on_") and name not in HOOKS:
                raise unknown_name("callback", name, HOOKS)

    def on_step(self, trainer: Trainer, result: StepResult) -> None:
        """After each step. `result` holds tensors on the device until the next step; to read them waits for the device."""

    def on_log(self, trainer: Trainer, values: Mapping[str, float]) -> None:
        """After a line of stats.jsonl. `values` are its numbers, by the names that loggers give them, such as `loss/prior`."""

    def on_picture(self, trainer: Trainer, picture: Path) -> None:
        """After a picture was drawn."""

    def on_checkpoint(self, trainer: Trainer, checkpoint: Path) -> None:
        """After the model and a checkpoint were saved, also before the training ends."""

    def on_end(self, trainer: Trainer) -> None:
        """Once, when the training has ended: at its last step, or because a callback or a signal asked. Not after an error."""
