"""A run folder and a model folder, opened once."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vaegan
from vaegan import Run, UserError
from vaegan.data import ImageSet, prepare
from vaegan.data.sources.files import RUN_MARKS
from vaegan.files import locked
from vaegan.hub.client import FILES
from vaegan.viz.grid import save

from .tiny import tiny

PACKAGE = Path(vaegan.__file__).parent


def test_a_run_folder(trained: Path) -> None:
    run = Run.open(str(trained))
    assert repr(run) == f"Run({str(trained)!r})"
    assert run.is_run
    assert run.level == run.recipe.objective.level == 2
    assert run.preparation == run.recipe.preparation == run.model().preparation
    images = run.images()
    training, held_out = run.split(images)
    assert (len(training), len(held_out)) == (20, 20)
    assert len(np.unique(np.concatenate([training[:], held_out[:]]))) == 40
    assert run.images_at_hand().identity == images.identity
    assert list(run.pictures) == [2]
    assert run.picture_file(2) == run.pictures[2] == run.pictures_folder / "step-000002.png"
    for path in (run.recipe_file, run.stats_file, run.tensorboard_folder, run.checkpoints_folder, run.model_folder / "config.json"):
        assert path.exists(), path


def test_a_model_folder(trained: Path, photos: Path) -> None:
    run = Run.open(trained / "model")
    assert not run.is_run
    with pytest.raises(UserError, match="which says how a model was trained; give the run folder"):
        _ = run.recipe
    assert run.model_folder == trained / "model"
    assert run.model().architecture == Run(trained).model().architecture
    with pytest.raises(UserError, match=r"does not say which images the model was trained on: give images with --in$"):
        run.images(flag="--in")
    with pytest.raises(UserError, match=r"does not say which images the model was trained on: give images$"):
        run.images()
    images = run.images(photos)
    assert images.preparation == run.preparation
    assert [len(part) for part in run.split(images)] == [38, 2]


def test_images_are_made_ready_as_the_config_says_and_no_weights_are_read(trained: Path, photos: Path) -> None:
    (trained / "model" / "model.safetensors").unlink()
    config = trained / "model" / "config.json"
    told = json.loads(config.read_text())
    told["preparation"] |= {"size": [24, 16]}
    config.write_text(json.dumps(told))
    for folder in (trained, trained / "model"):
        assert Run(folder).images(photos).images.shape == (40, 24, 16, 3)


def test_a_run_that_has_no_model_yet_has_images(trained: Path) -> None:
    shutil.rmtree(trained / "model")
    run = Run.open(trained)
    assert run.model_folder == trained / "model"
    assert len(run.images()) == 40
    with pytest.raises(
        UserError,
        match=r"was removed: write it again with: vaegan train --resume .*; or, if no steps are left, train one more with: .* \d+$",
    ):
        run.model()
    with locked(run.lock_file), pytest.raises(UserError, match="has no model: it is training now; wait until it saves a checkpoint"):
        run.model()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"preparation": 3}', '{"preparation": {"colour": 1}}'])
def test_a_damaged_config_is_named(trained: Path, photos: Path, text: str) -> None:
    (trained / "model" / "config.json").write_text(text)
    for folder in (trained, trained / "model"):
        with pytest.raises(UserError, match=r"config\.json is damaged"):
            Run(folder).images(photos)


def test_a_model_folder_may_know_its_level(trained: Path) -> None:
    config = trained / "model" / "config.json"
    told = json.loads(config.read_text())
    config.write_text(json.dumps(told | {"level": 1}))
    assert Run(trained / "model").level == 1
    assert Run(trained).level == 2
    told.pop("level", None)
    config.write_text(json.dumps(told))
    assert Run(trained / "model").level == 3


def test_what_is_no_run_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist$"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"photos is neither a run folder nor a model folder: it has no recipe.yaml and no config.json"):
        Run.open(photos)
    assert Run(tmp_path / "nowhere").model_folder == tmp_path / "nowhere"


def test_a_folder_in_the_home_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Run("~/runs/x").stats_file == tmp_path / "runs" / "x" / "stats.jsonl"


def test_images_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(tiny(data__source=str(tmp_path / "gone")).to_yaml())
    run = Run(tmp_path)
    with pytest.raises(UserError, match=r"trained on cannot be opened: .*gone does not exist; say where they are now with --data$"):
        run.images(flag="--data")
    with pytest.raises(UserError, match=r"other does not exist$"):
        run.images(tmp_path / "other")


def test_images_that_are_there_but_cannot_be_packed(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nobody is asked where they are."""
    (tmp_path / "recipe.yaml").write_text(tiny(data__source=str(photos)).to_yaml())
    monkeypatch.setenv("VAEGAN_CACHE", "/dev/null/cache")
    with pytest.raises(
        UserError, match=r"^cannot save packed images in /dev/null/cache .*: set .* VAEGAN_CACHE to a folder that you can write to$"
    ):
        Run(tmp_path).images(flag="--data")


@pytest.fixture(scope="module")
def sets(all_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageSet]:
    """The same 40 images without splits, with two and with three."""
    shares = {"none": None, "two": {"train": 0.75, "validation": 0.25}, "three": {"train": 0.5, "validation": 0.25, "test": 0.25}}
    folder = tmp_path_factory.mktemp("sets")
    pack = lambda name, fractions: prepare(str(all_photos), folder / name, size=(16, 16), fractions=fractions, progress=lambda *_: None)  # noqa: E731
    return {name: pack(name, fractions) for name, fractions in shares.items()}


@pytest.mark.parametrize(
    ("train_on", "of", "parts"),
    [
        ("train", "none", (36, 4)),
        ("train", "three", (20, 10)),
        ("train+test", "three", (30, 10)),
        ("train+unlabeled", "two", (30, 10)),  # which this set has not: as by default
        ("unlabeled", "two", (30, 10)),
        ("unlabeled", "none", (36, 4)),
    ],
)
def test_one_rule_splits_all_sets(sets: dict[str, ImageSet], tmp_path: Path, train_on: str, of: str, parts: tuple[int, int]) -> None:
    (tmp_path / "recipe.yaml").write_text(tiny(data__train_on=train_on, data__held_out=0.1).to_yaml())
    assert tuple(map(len, Run(tmp_path).split(sets[of]))) == parts


def test_evaluations_are_read_and_damaged_lines_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.metrics == []
    run.metrics_file.write_bytes(b'{"psnr": 20.0}\n{"psnr": 2\n[1]\n\xff\xfe\n{"psnr": 21.0}\n')
    assert [line["psnr"] for line in run.metrics] == [20, 21]


def test_pictures_of_training_are_in_the_order_of_their_steps(tmp_path: Path) -> None:
    for name in ("step-1000000.png", "step-999000.png", "step-000005.png", "step-2.png.partial", "another.png"):
        save(Image.new("RGB", (4, 4)), tmp_path / "samples" / "some.png").rename(tmp_path / "samples" / name)
    assert list(Run(tmp_path).pictures) == [5, 999_000, 1_000_000]
    assert Run(tmp_path / "nothing").pictures == {}


def test_a_folder_that_cannot_be_read_is_not_taken_for_one_without_checkpoints(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.checkpoints == {}
    run.checkpoints_folder.mkdir()
    for name in ("step-00000012.pt", "step-00000003.pt", "step-00000020.pt.damaged", "other.pt"):
        (run.checkpoints_folder / name).touch()
    assert [*run.checkpoints] == [3, 12]
    run = Run(tmp_path / "checkpoints" / "other.pt")  # a file in place of a folder
    with pytest.raises(NotADirectoryError):
        _ = run.checkpoints


def test_names_of_files_are_spelled_in_one_place() -> None:
    run = Run("run")
    paths = (path for name, path in vars(run).items() if name.endswith(("_file", "_folder")))
    names = {path.name for path in paths} - {run.recipe_file.name}  # recipe.py, which is below run.py, has that
    names -= {run.pictures_folder.name, run.checkpoints_folder.name, run.tensorboard_folder.name, run.export_folder.name}  # words, too
    names -= {run.skipped_file.name}  # as in a packed set
    spelled = {
        (path.relative_to(PACKAGE).as_posix(), node.value)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in names
    }
    on_the_hub = {("hub/client.py", name) for name in names & set(FILES)}  # it is below run.py
    assert spelled == {("run.py", name) for name in names} | {("data/sources/files.py", run.stats_file.name)} | on_the_hub
    assert {run.recipe_file.name, run.stats_file.name} == RUN_MARKS, "data is below run.py"
