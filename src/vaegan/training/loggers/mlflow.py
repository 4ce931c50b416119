"""MLflow, an extra. Its own environment variables say where runs go: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME."""

from __future__ import annotations

import os
import time
from itertools import islice

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from PIL import Image

from ...errors import UserError
from ...recipe import Recipe
from ...run import Run
from ...words import plain
from .base import Logger

ID = "mlflow-id.txt"
EXPERIMENT = "vaegan"
MOST_PARAMETERS = 100
"""In one request."""


class MlflowLogger(Logger):
    """A run of MLflow, which a resumed training goes on with. The recipe is its parameters.

    MLflow takes nothing back: after a rollback, the points of the steps that are trained again are there twice.
    """

    remote = True

    def __init__(self, run: Run, recipe: Recipe, step: int) -> None:
        super().__init__(run, recipe, step)
        file = run.folder / ID
        try:
            self._client = MlflowClient()
            if file.is_file():
                self._id = file.read_text(encoding="utf-8").strip()
                self._client.update_run(self._id, status="RUNNING")
            else:
                self._id = self._begin()
                file.write_text(self._id, encoding="utf-8")
        except Exception as error:  # it raises what its parts raise: for want of a server, of rights, of a run of this name
            raise UserError(f"the logger mlflow cannot start: {' '.join(str(error).split())}") from error

    def _begin(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run: str = self._client.create_run(number, run_name=self.run.folder.name).info.run_id
        parameters = iter([Param(key, plain(value)) for key, value in self.recipe.flat().items()])
        while some := list(islice(parameters, MOST_PARAMETERS)):
            self._client.log_batch(run, params=some)
        return run

    def scalars(self, values: dict[str, float], step: int) -> None:
        """See `Logger.scalars`."""
        now = int(1000 * time.time())
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in values.items()])

    def text(self, name: str, text: str, step: int) -> None:
        """See `Logger.text`."""
        self._client.set_tag(self._id, f"{name}/step-{step:06d}", text)

    def image(self, name: str, picture: Image.Image, step: int) -> None:
        """See `Logger.image`."""
        self._client.log_image(self._id, picture, f"{name}/step-{step:06d}.png")

    def close(self) -> None:
        """See `Logger.close`."""
        self._client.set_terminated(self._id)
