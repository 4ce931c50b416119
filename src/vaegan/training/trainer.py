"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor

from .. import old_names
from ..data import Indices
from ..data.batches import Batches, to_device
from ..data.dataset import ImageSet
from ..data.loader import LoaderBatches
from ..errors import UserError
from ..losses.diff_augment import draw
from ..models.vaegan import VAEGAN
from ..recipe import Recipe
from ..run import Run
from ..signals import Stopped, StopSignal
from ..words import command, plain
from . import checkpoint
from .average import averaging_weight
from .callbacks import Callback
from .conditions import learn_scale
from .cuda_graph import GraphedStep
from .device import compile_networks
from .distributed import SharedError, from_leader, mean_over_processes, synchronise, wait_for_all
from .logger import Monitor
from .optimizers import learning_rate
from .pictures import PictureInputs
from .step import NO_REQUESTS, Inputs, NotFiniteError, Rates, Requests, StepResult, TrainingStep

MAY_CHANGE = {
    *("data.source", "training.length", "training.precision", "training.threads", "training.graph", "training.compile"),
    *("training.log_every", "training.picture_every", "training.checkpoint_every", "training.keep", "training.keep_every"),
    *("training.on_nan", "training.rollbacks"),
    "training.loggers",
    "training.batch",  # of one process: see `Trainer.load_state_dict`
}
"""What a resumed run may do differently. The images must still be the same ones, and another length bends an annealed learning rate."""
STOPPING = "stopping: finishing the step and saving the run ..."
ROLLBACK_LR = 0.5
"""Factor of the learning rates at each rollback."""


class Diverged(SharedError):  # noqa: N818 (a name for what happened)
    """A loss, a gradient or a weight is no longer a number."""


class Trainer:
    """A VAE/GAN, its optimisers and its data, and the steps from one to the next.

    What a step does depends on the recipe, the step's number and the state that `state_dict` returns, and on nothing else: noise, order,
    flips, learning rates and gate are all functions of the step. So a run that was stopped goes on as if it had not been.
    """

    run: Run
    """Where `train` writes, once it has begun."""

    def __init__(  # noqa: PLR0917
        self,
        recipe: Recipe,
        fabric: Fabric,
        images: ImageSet,
        training: Indices,
        note: Callable[[str], None] = lambda _: None,
        loader: LoaderBatches | None = None,
        *,
        processes: int | None = None,
    ) -> None:
        """Begin at step 0.

        Args:
            recipe: all settings.
            fabric: launched; says device, precision and processes.
            images: the set.
            training: the indices of the images to train on.
            note: takes a sentence where the machine cannot do what the recipe asks.
            loader: gives the batches, in place of the set.
            processes: how many are to train together; by default those of `fabric`. Another number is for a dry run, which takes no step.

        Raises:
            UserError: the images do not fill a batch, one of the attributes is the same for all, or there are no such networks or losses.
        """
        self.recipe, self.fabric = recipe, fabric
        self.processes = processes or fabric.world_size
        settings = recipe.training
        self.batches = loader or Batches(
            images.images,
            training,
            settings.batch,
            seed=settings.seed,
            augmentation=recipe.augmentation,
            rank=fabric.global_rank,
            processes=self.processes,
        )
        if loader:
            loader.seed = settings.seed
        self.batches.keep_on(fabric.device)
        self.images_per_step = settings.batch * self.processes
        self.steps = settings.steps(self.batches.steps_per_epoch, self.images_per_step)
        self.identity: dict[str, Any] = {"recipe": recipe.flat(), "images": images.identity, "images_per_step": self.images_per_step}
        self.step = self._read_at = self.rollbacks = 0
        torch.manual_seed(settings.seed)  # the same first weights in every process
        model = VAEGAN(recipe.networks, images.preparation, recipe.objective.untrained, recipe.objective.level)
        self.attributes = images.attributes_named(recipe.networks.attributes) if model.conditional else None
        if self.attributes is not None:
            learn_scale(model, self.attributes[training[:]])
        if settings.sync_batchnorm:
            synchronise(model, fabric)
        placed: VAEGAN = model.to(fabric.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.training_step = TrainingStep(recipe, fabric, placed)
        if settings.compile:
            compile_networks(self.model, note)
        graph = settings.graph and self.training_step.device_decides
        self.advance: TrainingStep | GraphedStep = GraphedStep(self.training_step, note) if graph else self.training_step
        self.callbacks: list[Callback] = []
        """Called by `train` in the first process; see `Callback`."""
        self.grown_from = ""
        """The identity of a smaller set that a checkpoint may be of."""
        self._asked = NO_REQUESTS

    @property
    def model(self) -> VAEGAN:
        """The model that is trained."""
        return self.training_step.model

    @property
    def average(self) -> VAEGAN | None:
        """The average of its weights over the last steps, where the recipe asks for one."""
        average = self.training_step.average
        return average.model if average else None

    @property
    def shown(self) -> VAEGAN:
        """The model that is shown and saved: the average where there is one."""
        return self.average or self.model

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 0."""
        return self.step // self.batches.steps_per_epoch

    def ask_to_stop(self) -> None:
        """End the training well after the next step: the run is saved, its prior is fitted, and it can be resumed."""
        self._asked = self._asked._replace(end=True)

    def ask_to_save(self) -> None:
        """Save the model and a checkpoint after the next step."""
        self._asked = self._asked._replace(save=True)

    def inputs(self) -> Inputs:
        """What the next step takes: all work of the host. A GPU may still be at earlier steps when this is done."""
        device = self.fabric.device
        seed = np.random.SeedSequence([self.recipe.training.seed, self.step, self.fabric.global_rank, 2]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed[0] >> 1))
        noise = torch.randn(2, self.recipe.training.batch, self.recipe.networks.latent, generator=generator)
        rates: Rates | Tensor = self.rates()
        penalised = self.recipe.objective.penalty_at(self.step) > 0
        if self.training_step.device_decides:
            rates = to_device(np.array(rates, np.float32), device)
        attributes = None if self.attributes is None else to_device(self.attributes[self.batches.indices_of(self.step)], device)
        changes = draw(len(noise[0]), generator) if self.recipe.objective.diff_augment else None  # after the noise, which does not change
        changes = None if changes is None else to_device(changes.numpy(), device)
        pixels, augmentation = self.batches.inputs(self.step, device)
        return Inputs(pixels, augmentation, to_device(noise.numpy(), device), rates, attributes, changes, penalised)

    def learning_rate(self) -> float:
        """The learning rate of the next step, before the networks' factors."""
        lr = learning_rate(self.recipe.optimizer, self.step, self.steps, self.batches.steps_per_epoch)
        return lr * ROLLBACK_LR**self.rollbacks

    def changed_rate(self, state: dict[str, Any]) -> str | None:
        """A sentence, if a checkpoint's run had another length, on what that makes of a learning rate that is annealed over it."""
        recipe, each = self.recipe, self.batches.steps_per_epoch
        before = replace(recipe.training, length=state["identity"]["recipe"]["training.length"])
        if recipe.optimizer.schedule != "anneal" or before.minutes or (steps := before.steps(each, self.images_per_step)) == self.steps:
            return None
        was, now = (learning_rate(recipe.optimizer, self.step, count, each) * ROLLBACK_LR**self.rollbacks for count in (steps, self.steps))
        longer = f"the run now has {self.steps:,} steps (before: {steps:,}), and the learning rate depends on the number of steps"
        return f"{longer}: at step {self.step:,} it is now {now:.2g} (before: {was:.2g})"

    def rates(self) -> Rates:
        """What schedules make of the next step."""
        recipe = self.recipe
        lr = self.learning_rate()
        encoder, decoder, discriminator = (lr * factor for factor in recipe.optimizer.lr_factors)
        low, high = recipe.gate.bounds(self.epoch)
        gamma, penalty = recipe.objective.at(self.epoch).gamma, recipe.objective.penalty_at(self.step)
        average = averaging_weight(recipe.training, self.step, self.images_per_step)
        return Rates(encoder, decoder, discriminator, gamma, low, high, average, penalty)

    def train_step(self, requests: Requests = NO_REQUESTS, inputs: Inputs | None = None) -> StepResult:
        """One step: three objectives out of one forward and one backward pass, for the networks that the gate lets step.

        If a loss or a gradient is no longer a number, this step and those after it change no weight; `read` and `check` raise that.

        Args:
            requests: what this process was asked for.
            inputs: in place of those of this step, to measure what a step takes without them.
        """
        step = self.advance(inputs or self.inputs(), requests)
        self.step += 1
        return step

    def read(self) -> dict[str, float]:
        """The means of the steps since the last reading, by name. Waits for the device.

        Raises:
            Diverged: a loss or a gradient is no longer a number; no step since then has changed a weight.
        """
        with self._finite():
            means = self.training_step.tally.read()
        self._read_at = self.step
        return means

    def check(self) -> None:
        """Wait for the device, and see that all is well.

        Raises:
            Diverged: a loss, a gradient or a weight is no longer a number. In the first two cases no step since then has changed a weight.
        """
        with self._finite():
            self.training_step.tally.check()
        broken = self._broken()
        somewhere = torch.tensor(float(bool(broken)), device=self.fabric.device)  # statistics of batches are each process's own
        if mean_over_processes(self.fabric, somewhere):
            raise Diverged(f"{broken[0] if broken else 'a weight'} is no longer finite at step {self.step}")

    def _broken(self) -> list[str]:
        """The names of the model's tensors that are no longer finite, in this process."""
        return [name for name, tensor in self.model.state_dict().items() if not torch.isfinite(tensor).all()]

    @contextmanager
    def _finite(self) -> Iterator[None]:
        try:
            yield
        except NotFiniteError as error:
            raise Diverged(f"{error.what} is no longer finite at step {self._read_at + error.steps + 1}") from None

    def take_discriminator(self, weights: dict[str, Tensor]) -> None:
        """Take the discriminator of another run, for an objective in which it does not learn.

        Raises:
            UserError: it is of another shape.
        """
        for model in filter(None, (self.model, self.average)):
            mine = model.discriminator.state_dict()
            if {name: tensor.shape for name, tensor in weights.items()} != {name: tensor.shape for name, tensor in mine.items()}:
                run = self.recipe.objective.discriminator
                raise UserError(f"the discriminator of {run} does not fit the networks of this run: use the networks.* settings of {run}")
            model.discriminator.load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """All that changes from step to step."""
        return {
            **self.training_step.state_dict(),
            "rollbacks": self.rollbacks,
            "read_at": self._read_at,
            "identity": self.identity,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        The number of processes may be another, if together they still take as many images a step: those of a step are then the same, but
        not the noise and changes that each is paired with.

        Raises:
            UserError: it is of other images, another number of images a step, or a recipe that differs in more than may change; or its
                tensors are not those of the recipe's networks.
        """
        try:
            self._take_up(state)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            what = f"the checkpoint of step {state['step']} does not fit the networks of its recipe"
            raise UserError(f"{what}: remove this checkpoint to continue from an older one") from error

    def _take_up(self, state: dict[str, Any]) -> None:
        theirs, mine = state["identity"], self.identity
        was, now = (
            Recipe().flat() | old_names.settings(theirs["recipe"]),
            mine["recipe"],
        )  # settings that are newer than the run had their defaults
        changed = [key for key in now if key not in MAY_CHANGE and was[key] != now[key]]
        if changed:
            what = ", ".join(f"its {key} is {plain(was[key]) or 'empty'}, not {plain(now[key]) or 'empty'}" for key in changed)
            raise UserError(f"cannot change the settings of a run that has started: {what}; leave out these changes, or train a new run")
        if theirs["images"] not in (mine["images"], self.grown_from):  # after the settings, which decide what the images become
            more = "if you only added images, add --more-images; if not, train a new run on them"
            raise UserError(f"the images in {self.recipe.data.source} are not those that the run was trained on: {more}")
        if theirs["images_per_step"] != mine["images_per_step"]:
            images, processes = theirs["images_per_step"], self.processes
            whole = images % (processes * self.recipe.objective.images_per_sample) == 0 and images > processes
            batch = f": set --training.batch {images // processes}" if whole else ": use a number of processes that divides it"
            if processes == 1 and (began_with := images // was["training.batch"]) > 1:
                batch += f", or add --processes {began_with}"
            here = f"{processes} process{'es' * (processes > 1)} with a batch of {self.recipe.training.batch}"
            raise UserError(
                f"the run was trained with {images} images a step, and this command would use {mine['images_per_step']} ({here}){batch}"
            )
        self.step, self.rollbacks = state["step"], state["rollbacks"]
        self._read_at = state["read_at"]
        if isinstance(self.advance, GraphedStep):
            self.advance.forget()
        self.training_step.load_state_dict(state)

    def picture_inputs(self, images: ImageSet, held_out: Indices) -> PictureInputs:
        """What the pictures of a run show."""
        return PictureInputs.of(
            images,
            self.batches.indices,
            held_out,
            attributes=self.attributes,
            device=self.fabric.device,
            batch=self.recipe.training.batch,
            autoencodes=self.recipe.objective.autoencodes,
        )

    def train(self, run: Run, images: ImageSet, held_out: Indices, console: Console, signals: StopSignal) -> Path:
        """Train to the end, writing into the run folder; returns the last picture. `signals` says how this process stops.

        Raises:
            Stopped: an interrupt or SIGTERM came; the run was saved.
            Diverged: a loss, a gradient or a weight is no longer a number, and the recipe says to stop then, or it was too often.
        """
        settings = self.recipe.training
        picture = run.pictures_folder
        self.run, monitor = run, None
        if self.fabric.is_global_zero:  # one process writes and speaks for all
            picture_inputs = self.picture_inputs(images, held_out)
            monitor = Monitor(run, self.recipe, step=self.step, steps=self.steps, images_per_step=self.images_per_step, console=console)

        with monitor or nullcontext(), signals:
            if monitor and settings.on_nan == "rollback" and not checkpoint.checkpoints(run.checkpoints_folder):
                self._save_checkpoint(run)  # to have one to go back to
            ended = False
            while not ended:
                schedule = {"lr": self.learning_rate(), "gamma": self.recipe.objective.at(self.epoch).gamma}
                save, signals.asked_to_save = signals.asked_to_save, False  # at once, or a signal in between would be forgotten
                asked, self._asked = self._asked, NO_REQUESTS
                result = self.train_step(Requests(stop=signals.received is not None, save=save or asked.save, end=asked.end))
                requests = result.requests
                ended = requests.stop or requests.end or self.step == self.steps
                logging = ended or self.step % settings.log_every == 0
                drawing, saving = (ended or self.step % every == 0 for every in (settings.picture_every, settings.checkpoint_every))
                saving = saving or requests.save
                try:
                    if logging:
                        means = self.read()
                    if drawing or saving:
                        self.check()
                except Diverged as error:
                    self._roll_back(run, error, monitor)
                    self._asked = Requests(*map(max, self._asked, requests))  # what was to be done after this step is still to be done
                    ended = False
                    continue
                if not monitor:
                    continue
                monitor.update()
                curves = None
                if logging:
                    relative = self._relative_similarity(monitor, picture_inputs) if drawing else {}
                    curves = monitor.log(means, **schedule, **relative)
                with monitor.aside(), self.as_written():
                    drawn = monitor.picture(self.shown, picture_inputs) if drawing else None
                    saved = self._save_and_say(run, monitor, asked=requests.save) if saving else None
                    picture = drawn or picture
                    if self.callbacks:
                        self._call_back(run, result, curves, drawn, saved, ended=ended)
        wait_for_all(self.fabric)  # nobody leaves while the first process is still writing
        if requests.stop and self.step < self.steps:
            sentence = f"stopped at step {self.step} of {self.steps} and saved; continue with: {_resume(run)}"
            raise Stopped(sentence, signals.received)
        return picture

    def _roll_back(self, run: Run, error: Diverged, monitor: Monitor | None) -> None:
        """Go back to the last checkpoint, and on from there with lower learning rates.

        Raises:
            Diverged: the recipe says to stop, or this has happened too often.
        """
        settings = self.recipe.training
        last = from_leader(self.fabric, lambda: last_checkpoint(run))
        if settings.on_nan == "stop":
            way_out = "train a new run with a lower --optimizer.lr"
            if from_leader(self.fabric, lambda: bool(checkpoint.checkpoints(run.checkpoints_folder))):
                way_out = f"continue from there with a lower learning rate, with: {_resume(run)} --on-nan rollback"
            raise Diverged(f"{error}; {last}: {way_out}") from None
        if self.rollbacks >= settings.rollbacks:
            times = f"after {self.rollbacks} rollback{'s' * (self.rollbacks != 1)} (--training.rollbacks allows no more)"
            raise Diverged(f"{error}, {times}; {last}: train a new run with a lower --optimizer.lr") from None
        rollbacks = self.rollbacks + 1
        state, damaged = from_leader(self.fabric, lambda: checkpoint.take(run.checkpoints_folder))
        self.load_state_dict(state)
        self.rollbacks = rollbacks
        if monitor:
            monitor.go_back(self.step)
            for path in damaged:
                monitor.say(f"skipped a damaged checkpoint: {path}")
            monitor.say(
                f"{error}: went back to step {self.step}; the recipe's learning rates are now multiplied by {ROLLBACK_LR**rollbacks:g} "
                f"(rollback {rollbacks})"
            )
            self._save_checkpoint(run)  # the same one, but that it knows of the rollback

    def _relative_similarity(self, monitor: Monitor, picture_inputs: PictureInputs) -> dict[str, float]:
        with monitor.aside(), self.as_written():
            return monitor.relative_similarity(self.shown, picture_inputs)

    def as_written(self) -> AbstractContextManager[object]:
        """Networks that are compiled are not compiled anew for the few images of a picture."""
        return torch.compiler.set_stance("force_eager") if self.recipe.training.compile else nullcontext()

    def _call_back(
        self, run: Run, result: StepResult, curves: dict[str, float] | None, picture: Path | None, saved: Path | None, *, ended: bool
    ) -> None:
        """Call the callbacks after a step, with what was written. If one raises, the run is saved, unless a number in it is not finite."""
        try:
            for callback in self.callbacks:
                callback.on_step(self, result)
                if curves is not None:
                    callback.on_log(self, curves)
                if picture:
                    callback.on_picture(self, picture)
                if saved:
                    callback.on_checkpoint(self, saved)
                if ended:
                    callback.on_end(self)
        except Exception:
            with suppress(NotFiniteError):  # this process is alone here: it must not ask the others, as `check` does
                self.training_step.tally.check()
                if not saved and not self._broken():
                    self.save(run)
            raise

    def save(self, run: Run) -> Path:
        """Write the model to use, and then a checkpoint to go on from: where there is one of a step, its model was written."""
        self.shown.save_pretrained(run.model_folder)
        return self._save_checkpoint(run)

    def _save_and_say(self, run: Run, monitor: Monitor, *, asked: bool) -> Path:
        path = self.save(run)
        if asked:
            monitor.say(f"saved at step {self.step}, as you asked")
        return path

    def _save_checkpoint(self, run: Run) -> Path:
        settings = self.recipe.training
        return checkpoint.save(run.checkpoints_folder, self.step, self.state_dict(), keep=settings.keep, keep_every=settings.keep_every)


def last_checkpoint(run: Run) -> str:
    """What there is to go on from, in words."""
    saved = checkpoint.checkpoints(run.checkpoints_folder)
    return f"the last checkpoint is {saved[0]}" if saved else "there is no checkpoint yet"


def resume_hint(run: Run) -> str:
    """The same, with the command that continues the run, or begins it again where nothing was saved."""
    if checkpoint.checkpoints(run.checkpoints_folder):
        return f"{last_checkpoint(run)}; continue with: {_resume(run)}"
    if run.is_run:
        again = command("train", "--recipe", run.recipe_file, "--run", run.folder, "--auto-resume")
        return f"{last_checkpoint(run)}; start again with: {again}"
    return f"{last_checkpoint(run)}; run the same command again"


def _resume(run: Run) -> str:
    return command("train", "--resume", run.folder)
