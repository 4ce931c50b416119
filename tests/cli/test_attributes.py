"""vaegan attributes where there is no table: two folders, and principal directions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vaegan
from vaegan.latent.directions import Directions

from ..command import fails, is_picture, notices, works


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """15 light images, and 20 dark ones."""
    made = []
    for name, low, count in (("light", 120, 15), ("dark", 0, 20)):
        folder = tmp_path_factory.mktemp("pair") / name
        folder.mkdir()
        for number in range(count):
            pixels = np.random.default_rng([low, number]).integers(low, low + 130, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
        made.append(folder)
    return made[0], made[1]


def test_a_direction_from_two_folders(
    trained_on_avatars: Path, folders: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_on_avatars
    pair = ("--with", folders[0], "--without", folders[1], "--name", "Light")
    said = notices(capsys, "attributes", run, *pair)
    assert 'the attribute "Light" was learned from only 15 images with it and 20 without it' in said
    assert "--add Light=1" in said
    assert is_picture(run / "attributes-Light.png")
    assert Directions.load(run / "attributes.safetensors").names == ("Light",)
    assert "learn" not in notices(capsys, "edit", run, photos / "photo 00.png", "--add", "Light=1", "direction-1=-1")
    assert "learning the directions of attributes first" in notices(
        capsys, "edit", run, photos / "photo 00.png", "--add", "Beard=1", "Light=1"
    )
    capsys.readouterr()
    works("attributes", run, "--json")
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["Light"]["sources"] == [str(folders[0]), str(folders[1])]
    assert [rows["Light"][name] for name in ("with_it", "without_it", "tested_with", "tested_without")] == [15, 20, 15, 20]
    assert rows["Beard"]["tested_with"] + rows["Beard"]["tested_without"] == 100
    assert len([note for note in found["notes"] if "few held-out images" in note]) == 1
    assert rows["Beard"]["sources"] is None
    weak = [name for name, row in rows.items() if row["probe_auc"] is not None and row["probe_auc"] < 0.75]
    assert weak
    assert [note for note in found["notes"] if f'note: edits of "{weak[0]}"' in note]
    assert found["learned_from"] == 300
    assert [one["name"] for one in found["principal"]] == [f"direction-{number}" for number in range(1, 5)]
    works("attributes", run)
    shown = " ".join(capsys.readouterr().out.split())
    assert "The measured accuracy may be wrong by 0.17 for Light." in shown
    assert "tested on 100 held-out images. Light: learned from two sets of images, and tested by cross-validation" in shown
    assert "choose another --name" in fails(capsys, "attributes", run, *pair[:-1], "Beard")
    vaegan.studio(run, run / "page.html")
    assert '"Light"' in (run / "page.html").read_text(encoding="utf-8")
    vaegan.report(run)
    assert "Light" in (run / "report.html").read_text(encoding="utf-8")


def test_the_studio_of_a_run_with_a_direction_learns_the_attributes(trained_on_avatars: Path, folders: tuple[Path, Path]) -> None:
    run = vaegan.Run(trained_on_avatars)
    vaegan.attributes(run, with_images=folders[0], without_images=folders[1], name="Light")
    vaegan.studio(run)
    assert {"Light", "Beard"} <= set(Directions.load(run.attributes_file).names)


def test_plain_photos_have_principal_directions(trained: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    works("attributes", trained)
    said = capsys.readouterr()
    assert "direction-4" in said.out
    assert "These are principal directions, along which the codes differ most" in said.out
    assert "--add direction-1=2" in said.err
    assert is_picture(trained / "directions.png")
    assert not (trained / "attributes.safetensors").exists()
    for place in (trained, trained / "model"):
        works("edit", place, photos / "photo 00.png", "--add", "direction-1=2", "direction-3=-1")
        assert is_picture(place / "edits.png")
    works("edit", trained, photos / "photo 00.png", "--add", "direction-1", "--strip")
    fails(capsys, "edit", trained, photos / "photo 00.png", "--add", "direction-9=1", words="there is no direction named direction-9")


def test_arrays_and_models_in_memory(run_on_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = vaegan.load(run_on_photos)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    found = vaegan.attributes(model, with_images=pixels[:12], without_images=torch.from_numpy(pixels[12:]), name="Odd", image=pixels[:1])
    assert found.rows[0].sources == ["images of a program"] * 2
    assert (found.learned_from, found.tested_on) == (30, 30)
    edited = vaegan.edit(model, pixels[:2], {"Odd": 1, "direction-2": 1}, directions=found.directions)
    assert edited.images.shape == (2, 3, 16, 16)
    assert vaegan.edit(model, pixels[:2], {"direction-2": 1}).images.shape == (2, 3, 16, 16)
    assert list(tmp_path.iterdir()) == []


def test_an_attribute_with_the_name_of_a_principal_direction_is_left_out(
    run_on_photos: Path, all_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [path.name for path in sorted(all_photos.iterdir())]
    lines = ["file,direction-1,Odd", *(f"{name},{n % 2},{n % 3 == 0:d}" for n, name in enumerate(names))]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    works("prepare", all_photos, tmp_path / "set", "--size", 16, "--attributes", tmp_path / "table.csv", "--workers", 1)
    run = Path(shutil.copytree(run_on_photos, tmp_path / "run"))
    recipe = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(recipe.replace("held_out: 0.5", "held_out: 0.1"))
    said = notices(capsys, "attributes", run, "--data", tmp_path / "set")
    assert 'left out the attribute "direction-1": a principal direction has this name; give the attribute another name' in said
    assert Directions.load(run / "attributes.safetensors").names == ("Odd",)


MISTAKES = {
    "no name": (["--with", "FOLDER", "--without", "FOLDER"], "--with needs --name"),
    "one set": (["--without", "FOLDER", "--name", "A"], "--without needs --with"),
    "only a name": (["--name", "A"], "--name needs --with and --without"),
    "a set with attributes, too": (["--data", "FOLDER", "--with", "FOLDER", "--without", "FOLDER", "--name", "A"], "leave out one"),
    "a principal name": (["--with", "FOLDER", "--without", "FOLDER", "--name", "direction-3"], '--name cannot be "direction-3"'),
    "a name with =": (["--with", "FOLDER", "--without", "FOLDER", "--name", "a=b"], '--name cannot be "a=b"'),
    "the same images": (["--with", "FOLDER", "--without", "FOLDER", "--name", "A"], "--with and --without give the same images"),
    "no images": (["--with", "nowhere", "--without", "FOLDER", "--name", "A"], "nowhere does not exist"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(
    arguments: list[str], words: str, run_on_photos: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    fails(capsys, "attributes", run_on_photos, *(folders[0] if word == "FOLDER" else word for word in arguments), words=words)
