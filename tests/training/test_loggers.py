"""What loggers get is what stats.jsonl has, read back by their own readers."""

from __future__ import annotations

import csv
import json
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from vaegan import Run, UserError, dry_run
from vaegan.training.logger import _curve
from vaegan.training.loggers.base import Logger
from vaegan.training.loggers.registry import LOGGERS
from vaegan.workflow import resume, train

from ..tiny import QUIETLY, tiny
from .test_callbacks import asks
from .test_health import Spoilt

Curves = dict[str, dict[int, float]]
"""Points by step, by curve."""


def of_stats(run: Path) -> Curves:
    found: Curves = {}
    for line in map(json.loads, (run / "stats.jsonl").read_text().splitlines()):
        for name, value in line.items():
            if name not in ("step", "steps", "images", "warnings"):
                found.setdefault(_curve(name), {})[line["step"]] = value
    return found


def of_tensorboard(run: Path) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return {name: {event.step: event.value for event in events.Scalars(name)} for name in events.Tags()["scalars"]}


def of_csv(run: Path) -> Curves:
    with (run / "stats.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    return {name: {int(row["step"]): float(row[name]) for row in rows if row[name]} for name in rows[0] if name != "step"}


def of_mlflow(run: Path) -> Curves:
    from mlflow import MlflowClient

    client = MlflowClient()
    name = (run / "mlflow-id.txt").read_text()
    found = client.get_run(name)
    assert found.info.status == "FINISHED"
    assert found.data.params["networks.latent"] == "4"
    assert [artifact.path for artifact in client.list_artifacts(name, "pictures")] == [f"pictures/step-{n:06d}.png" for n in (4, 6)]
    return {metric: {point.step: point.value for point in client.get_metric_history(name, metric)} for metric in found.data.metrics}


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file: seven bytes, then LevelDB's log format, parts of records in blocks of 32 KiB. wandb has no reader."""
    content, place, record = path.read_bytes(), 7, b""
    while place + 7 <= len(content):
        if (rest := 32768 - place % 32768) < 7:
            place += rest
            continue
        size, kind = struct.unpack("<HB", content[place + 4 : place + 7])  # after a checksum
        record += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def of_wandb(run: Path) -> Curves:
    from wandb.proto import wandb_internal_pb2

    found: Curves = {}
    paths = sorted(run.glob("wandb/offline-run-*/*.wandb"))
    assert {path.stem for path in paths} == {f"run-{(run / 'wandb-id.txt').read_text()}"}
    for content in (content for path in paths for content in wandb_records(path)):
        record = wandb_internal_pb2.Record.FromString(content)
        items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for name, value in items.items():
            if isinstance(value, (int, float)) and name.count("/") == 1 and not name.startswith("pictures/"):
                found.setdefault(name, {})[items["step"]] = value
    return found


def test_several_at_once_have_the_same_scalars_also_after_a_stop(tmp_path: Path) -> None:
    recipe = tiny(training__loggers=("csv", "tensorboard"))
    run = train(recipe, tmp_path / "run", callbacks=[asks(2, "stop")], **QUIETLY).run  # logs and draws at step 3, too
    resume(run, **QUIETLY)
    mine, theirs = of_csv(run), of_tensorboard(run)
    assert list(mine["health/variety"]) == [3, 4, 6]
    assert mine.pop("health/variety") == pytest.approx(theirs.pop("health/variety"), rel=1e-4)
    wanted = of_stats(run)
    assert mine == wanted
    assert theirs.keys() == wanted.keys()
    assert all(theirs[name] == pytest.approx(points, rel=1e-6) for name, points in wanted.items())


def test_a_table_forgets_what_a_rollback_takes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spoilt(monkeypatch, "decoder", 5, 1)
    settings: dict[str, Any] = {"training__loggers": "csv", "training__on_nan": "rollback", "gate__enabled": False}
    run = train(tiny(**settings), tmp_path / "run", **QUIETLY).run
    assert list(of_csv(run)["loss/prior"]) == [2, 4, 6]
    assert not (run / "tensorboard").exists()


def test_none_is_allowed(tmp_path: Path) -> None:
    run = train(tiny(training__loggers=[], training__length="1 steps"), tmp_path / "run", **QUIETLY).run
    assert Run.open(run).recipe.training.loggers == ()
    assert not list(run.glob("*.csv"))
    assert not (run / "tensorboard").exists()


def test_a_logger_of_ones_own_that_fails_at_a_service_does_not_end_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points: list[int] = []

    class Mine(Logger):
        remote = True

        def scalars(self, values: dict[str, float], step: int) -> None:
            assert "loss/prior" in values
            points.append(step)
            if step == 4:
                raise ConnectionError("the service is gone")

    monkeypatch.setitem(LOGGERS, "mine", Mine)
    train(tiny(training__loggers=["mine"]), tmp_path / "run", **QUIETLY)
    assert points == [2, 4]
    monkeypatch.setattr(Mine, "remote", False)
    with pytest.raises(ConnectionError, match="the service is gone"):
        train(tiny(training__loggers=["mine"]), tmp_path / "other", **QUIETLY)


def test_a_package_that_is_missing_is_known_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaegan.training.loggers.registry.find_spec", lambda _: None)
    words = "the logger mlflow needs the package mlflow-skinny: leave mlflow out of training.loggers, or install it with: "
    words += "pip install mlflow-skinny"
    with pytest.raises(UserError, match=words):
        train(tiny(training__loggers=["csv", "mlflow"], data__source="nowhere"), tmp_path / "run", **QUIETLY)
    assert words in dry_run(tiny(training__loggers=["mlflow"]), tmp_path / "run", device="cpu").problems
    with pytest.raises(UserError, match=r"there is no logger named tensorbord\. Did you mean tensorboard\?"):
        train(tiny(training__loggers=["tensorbord"]), tmp_path / "run", **QUIETLY)
    assert not (tmp_path / "run").exists()


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "read"), [("mlflow", of_mlflow), ("wandb", of_wandb)])
def test_a_service_gets_the_same_scalars(name: str, read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec(name) is None:
        pytest.skip(f"the package {name} is not installed")
    for key, value in {
        "MLFLOW_TRACKING_URI": (tmp_path / "mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(tmp_path),
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        monkeypatch.setenv(key, value)
    run = train(tiny(training__loggers=[name, "csv"], training__length="4 steps"), tmp_path / "run", **QUIETLY).run
    longer = tiny(training__loggers=[name, "csv"])
    resume(run, longer, **QUIETLY)
    found, wanted = read(run), of_csv(run)
    assert found.keys() == wanted.keys()
    assert all(found[curve] == pytest.approx(points, rel=1e-5) for curve, points in wanted.items())
