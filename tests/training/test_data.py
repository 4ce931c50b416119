"""Images that a program has are trained on like files, and batches of a DataLoader as they are."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import vaegan
from vaegan import Run, UserError
from vaegan.data import ImageSet
from vaegan.data.loader import LoaderBatches
from vaegan.data.sources.memory import memory_source
from vaegan.training import checkpoint
from vaegan.workflow import resume, train

from ..command import fails, works
from ..tiny import QUIETLY, TINY, Items, equal, tiny
from .test_callbacks import asks

SETTINGS = {key: value for key, value in TINY.items() if key != "data.avatars"}


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """50 images of another size than the networks take."""
    coarse = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((1, 5, 6, 1), np.uint8))


def of_hugging_face(pixels: NDArray[np.uint8]) -> Any:
    datasets = pytest.importorskip("datasets")
    images = [Image.fromarray(one) for one in pixels]
    return datasets.Dataset.from_dict({"image": images}, features=datasets.Features({"image": datasets.Image()}))


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def test_the_same_pixels_in_any_form_give_the_same_weights(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / "photos" / f"{number:02d}.png")
    real = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1
    forms = {
        "folder": tmp_path / "photos",
        "array": pixels,
        "tensor": real,
        "list": [Image.fromarray(one) for one in pixels],
        "labelled": Items([(one, torch.tensor(n % 2)) for n, one in enumerate(real)]),
        "hf": of_hugging_face(pixels),
    }
    runs = {name: train(SETTINGS, tmp_path / name, data=data, **QUIETLY).run for name, data in forms.items()}
    assert len({weights(run) for run in runs.values()}) == 1
    sources = {name: Path(Run.open(run).recipe.data.source) for name, run in runs.items()}
    assert sources["array"] == sources["tensor"] == sources["list"] == sources["hf"]  # packed once
    assert not list(sources["array"].parent.glob("packing-*"))
    made = [ImageSet.open(sources[name]).manifest["made_from"]["source"] for name in ("array", "labelled")]
    assert made == ["array of 50 x 20 x 24 x 3", "Items of a program"]
    assert ImageSet.open(sources["labelled"]).classes == ["0", "1"]


def test_columns_of_a_data_set_mean_what_they_do_in_a_table(pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"beard": [0, 1] * 25, "age": list(range(20, 120, 2)), "label": ["a", "b"] * 25}
    data = of_hugging_face(pixels)
    for name, values in columns.items():
        data = data.add_column(name, values)
    monkeypatch.setattr("datasets.load_dataset", None)  # nothing is read but the object itself
    source = memory_source(data)
    item = list(source.items())[1]
    assert (source.attribute_names, item.name, item.split, item.label, item.attributes) == (("beard",), "0000001", "", "b", (1.0,))
    assert source.notes[0].startswith("columns of hf:data with more than two values are not attributes: age (20 to 118)")


def test_commands_find_the_images_of_such_a_run(pixels: NDArray[np.uint8], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half: dict[str, Any] = {"data__held_out": 0.5}
    run = train(tiny(**half), tmp_path / "run", data=pixels, callbacks=[asks(2, "stop")], **QUIETLY).run
    straight = train(tiny(**half), tmp_path / "straight", data=pixels, **QUIETLY).run
    works("report", run)
    assert "25 to train on, 25 held out" in (run / "report.html").read_text()
    works("evaluate", run, "--samples", 20, "--extractor", "none", "--device", "cpu", "--resamplings", 2)
    works("train", "--resume", run, "--device", "cpu", "--no-report")
    assert weights(run) == weights(straight)
    shutil.rmtree(Run.open(run).recipe.data.source)
    words = "came from a Python program, and their packed copy "
    said = fails(capsys, "attributes", run, words=words)
    assert said.endswith("does not exist any more; give the same images as a folder or packed set with --data")
    assert "any more: continue the run in a program, with vaegan.resume(RUN, data=IMAGES)" in fails(capsys, "train", "--resume", run)
    resume(run, tiny(training__length="8 steps", **half), data=pixels, **QUIETLY)
    assert list(Run.open(run).checkpoints)[-1] == 8


def test_a_recipe_may_be_a_name_or_a_few_settings(pixels: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("vaegan.workflow._start", lambda job, *_: seen.append(job))
    train("sharp", tmp_path / "a", data=pixels, steps=7)
    train({"objective.gamma": 0.5}, tmp_path / "b", data=tmp_path, epochs=2, init_from="runs/other")
    train(tiny(), tmp_path / "c", minutes=3)
    assert [job.recipe.training.length for job in seen] == ["7 steps", "2 epochs", "3 minutes"]
    assert seen[0].recipe.networks == vaegan.Recipe.load("sharp").networks
    assert (seen[1].recipe.objective.gamma, seen[1].recipe.data.source) == (0.5, str(tmp_path))
    assert seen[1].recipe.training.init_from == "runs/other"
    assert seen[2].recipe.networks == tiny().networks
    with pytest.raises(UserError, match="steps and minutes were both given: leave out one"):
        train(tiny(), tmp_path / "c", steps=1, minutes=3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros((4, 9, 9, 9), np.uint8), "would have 9 channels, and images have 1 to 8: pass N x H x W x C"),
        (np.zeros((4, 3, 8, 3), np.uint8), "could be N x H x W x C or N x C x H x W, and it is not clear which"),
        (np.zeros((4, 8, 8, 3), np.int64), "must be uint8, or float in .*, not int64"),
        (np.full((4, 8, 8, 3), 255.0), "have values from 255 to 255: scale them"),
        (np.full((4, 8, 8, 3), np.nan), "have values from nan to nan"),
        (np.zeros((8, 3), np.uint8), "must be N x H x W x C or N x C x H x W, not 8 x 3"),
        ([], "there are no images: the list is empty"),
        (np.zeros((0, 8, 8, 3), np.float32), "there are no images in an array of 0 x 8 x 8 x 3"),
        (["a.png"], "image 0000000 of the data must be an array, a tensor or a PIL image, not str"),
        (
            [{"photo": 1, "kind": 2}],
            r"has no key named 'image' \(its keys: 'photo', 'kind'\): each item needs its image under the key 'image'",
        ),
        (3, "data must be a path, an array, a tensor, a list, a data set or a DataLoader, not int"),
    ],
)
def test_what_are_no_images_is_refused(data: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        train(tiny(), tmp_path / "run", data=data, **QUIETLY)


def said_of(data: Any, run: Path, **more: Any) -> str:
    console = Console(record=True, stderr=True, width=1000)
    train(tiny(training__length="1 steps"), run, data=data, device="cpu", report=False, progress=console, **more)
    return console.export_text()


def test_images_from_0_to_1_get_a_note(pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    real = pixels[:8].astype(np.float32) / 255
    words = "all values of these float images are in [0, 1], and [-1, 1] is expected"
    for name, data in {"a": real, "b": list(real), "c": DataLoader(TensorDataset(torch.from_numpy(real)), 4)}.items():
        assert said_of(data, tmp_path / name).count(words) == 1
    assert words not in said_of(real * 2 - 1, tmp_path / "d")


def test_grey_images(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (6, 9, 9), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = [item.picture.open() for item in memory_source(grey).items()]
    assert {one.mode for one in opened if isinstance(one, Image.Image)} == {"L"}
    assert np.array_equal(np.stack([np.asarray(one) for one in opened]), grey)
    run = train(tiny(networks__channels=1), tmp_path / "run", data=grey[:, None], **QUIETLY).run
    assert vaegan.load(run).sample(1).shape == (1, 1, 16, 16)


def test_deep_pictures_get_the_range_that_their_files_get(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    deep = [Image.fromarray(random.integers(0, 4000, (16, 16)).astype(np.uint16)) for _ in range(8)]
    (tmp_path / "files").mkdir()
    for number, one in enumerate(deep):
        one.save(tmp_path / "files" / f"{number}.png")
    forms: dict[str, Any] = {"list": deep, "folder": tmp_path / "files"}
    runs = [train(tiny(networks__channels=1), tmp_path / name, data=data, **QUIETLY).run for name, data in forms.items()]
    assert len({weights(run) for run in runs}) == 1
    assert {Run.open(run).recipe.data.range for run in runs} == {(0.0, float(max(np.asarray(one).max() for one in deep)))}


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_five_channels(axes: tuple[int, ...], tmp_path: Path) -> None:
    five = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 5), dtype=np.uint8)
    run = train(tiny(networks__channels=5), tmp_path / "run", data=five.transpose(axes), **QUIETLY).run
    assert np.array_equal(ImageSet.open(Run.open(run).recipe.data.source).images[:], five)
    assert vaegan.load(run).sample(1).shape == (1, 5, 16, 16)


def loader(count: int = 30, batch: int = 6, **more: Any) -> DataLoader[Any]:
    images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return DataLoader(TensorDataset(images, torch.arange(count)), batch, shuffle=True, **more)


def test_a_data_loader_is_used_as_it_is_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {**SETTINGS, "training.picture_every": 50, "training.checkpoint_every": 50, "augmentation.flip": True}
    data = loader(32)  # of which the last two are no batch
    run = train(settings, tmp_path / "run", data=data, steps=100, callbacks=[asks(39, "stop")], **QUIETLY).run
    recipe = Run.open(run).recipe
    assert (recipe.data.source, recipe.training.batch, recipe.augmentation.flip) == ("DataLoader", 6, False)
    assert list(Run.open(run).checkpoints) == [40]
    assert Run.open(run).prior_file.is_file()
    resume(run, data=data, **QUIETLY)
    assert list(Run.open(run).checkpoints) == [50, 100]
    assert vaegan.load(run).sample(1).isfinite().all()
    in_a_program = "which a command cannot open: continue the run in a program, with vaegan.resume"
    assert in_a_program in fails(capsys, "train", "--resume", run)
    assert "which a command cannot open: give images with --data" in fails(
        capsys, "train", "--recipe", run / "recipe.yaml", "--run", tmp_path / "x"
    )
    assert "which a command cannot open; give the same images as a folder or packed set with --data" in fails(capsys, "evaluate", run)
    works("report", run)
    works("sample", run)


def test_a_data_loader_decides_on_batches_and_says_what_is_not_exact(tmp_path: Path) -> None:
    said = said_of(DataLoader(loader().dataset, 6), tmp_path / "a")
    assert "starts again, and the result is not exactly that of a run without a break" in said
    assert "batches of 6 images of 16x16 from a DataLoader" in said
    in_order = DataLoader(loader().dataset, 6)
    source = LoaderBatches(in_order)
    found = [source.inputs(step)[0].permute(0, 3, 1, 2) for step in range(6)]
    assert all(torch.equal(one, other[0]) for one, other in zip(found, [*in_order, next(iter(in_order))], strict=True))
    before = torch.get_rng_state()
    straight, again = (train(tiny(), tmp_path / name, data=loader(), **QUIETLY).run for name in ("b", "c"))
    assert equal(*(checkpoint.load(run / "checkpoints")[0] for run in (straight, again)))  # torch's generator has a seed
    assert torch.equal(torch.get_rng_state(), before)  # and after the training, that of the program


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        while True:
            yield torch.zeros(3, 16, 16, dtype=torch.uint8)


def test_what_a_data_loader_cannot_do_is_refused(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], DataLoader[Any], str]] = [
        (
            {"training.length": "2 epochs"},
            DataLoader(Endless(), 4),
            "training.length cannot be in epochs with a DataLoader that has no len",
        ),
        ({"training.length": "2 minutes"}, loader(), "training.length cannot be in minutes with a DataLoader"),
        ({"networks.attributes": ["A"]}, loader(), "networks.attributes needs a set of images"),
        (
            {},
            DataLoader(Items([torch.zeros(3, 16, side) for side in (16, 24)]), 1),
            "images of 16 x 24 x 3, and the first batch had images of 16 x 16",
        ),
        ({}, DataLoader(Items([{"text": "a"}]), 1), "an item of the images has no key named"),
        ({}, loader(5, drop_last=True), "the DataLoader gives no batch: its data set is empty, or has fewer images than one batch"),
        ({}, DataLoader(Items([torch.zeros(3, 16, 17)] * 8), 4), "networks.size"),
    ]
    for settings, data, words in cases:
        with pytest.raises(UserError, match=words):
            train({**SETTINGS, **settings}, tmp_path / "run", data=data, **QUIETLY)
    with pytest.raises(UserError, match=r"a DataLoader cannot be used by several processes: pass its data set$"):
        train(SETTINGS, tmp_path / "run", data=loader(), processes=2, **QUIETLY)
    assert not (tmp_path / "run").exists()
    train(SETTINGS, tmp_path / "run", data=DataLoader(Endless(), 4), **QUIETLY)
