"""Files are replaced whole, by one or by several. Where nothing is at a path, the sentence names what is there and is called nearly so."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from vaegan import VAEGAN, Run, UserError, runs
from vaegan.errors import with_way_out
from vaegan.files import did_you_mean, final_name, missing, remove_partial, replacing, there_are

from .command import fails
from .tiny import tiny


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images, an archive, a table, numbered files, and a run in runs."""
    for name in ("photos/cats/1.png", "holiday.zip", "face.jpg", "face.txt", "table.csv", "7.png", ".hidden", "runs/faces/recipe.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("photo", "photos"),
        ("Photos", "photos"),
        ("photos/cat", "photos/cats"),
        ("photo/cat/1.png", "photos/cats/1.png"),
        ("holidays", "holiday.zip"),
        ("face.jpeg", "face.jpg"),
        ("tabel.csv", "table.csv"),
        ("8.png", None),
        ("hidden", None),
        ("faces", "face.txt"),
        ("foto", "photos"),
        ("table.yaml", "table.csv"),
        ("photos/cats/1.png/2.png", None),
        ("nothing/like/this", None),
        ("photos", None),
    ],
)
def test_the_nearest_name_is_named(name: str, found: str | None, here: Path) -> None:
    what = "is not a file" if name == "photos" else "does not exist"
    assert str(missing(Path(name))) == f"{name} {what}" + (f". Did you mean {found}?" if found else "")
    full = here / name
    assert did_you_mean(full) == (f". Did you mean {here / found}?" if found else "")


@pytest.mark.usefixtures("here")
def test_runs_and_models_are_found_by_their_name() -> None:
    with pytest.raises(UserError, match=r"^faces does not exist\. Did you mean runs/faces\?$"):
        Run.open("faces")
    with pytest.raises(UserError, match=r"^avatar does not exist\. Did you mean avatars\?$"):
        Run.open("avatar")
    with pytest.raises(UserError, match=r"^avatar does not exist\. Did you mean avatars\?$"):
        VAEGAN.from_pretrained("avatar")
    with pytest.raises(UserError, match=r"^run does not exist: give the folder that holds your runs\. Did you mean runs\?$"):
        runs("run")


def test_the_newest_are_named(tmp_path: Path) -> None:
    assert there_are(tmp_path / "nothing") == there_are(tmp_path) == ""
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        os.utime(tmp_path / str(number), (number, number))
    assert there_are(tmp_path) == f". There are {tmp_path / '4'}, {tmp_path / '3'}, {tmp_path / '2'}, ..."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train --data photo", "photo does not exist. Did you mean {}/photos?"),
        ("train --data avatar", "avatar does not exist. Did you mean avatars?"),
        ("train --data mnist:photo", "photo does not exist. Did you mean {}/photos?"),
        ("train --resume runs/face", "cannot resume the run runs/face: this folder does not exist. Did you mean runs/faces?"),
        ("train --resume faces", "cannot resume the run faces: this folder does not exist. Did you mean runs/faces?"),
        ("train --resume runs/zzz", "cannot resume the run runs/zzz: this folder does not exist. There is runs/faces"),
        ("sample zzz", "zzz does not exist. There is runs/faces"),
        ("sample", "sample needs RUN, the folder of a run. There is runs/faces"),
        ("reconstruct avatars", "reconstruct needs IMAGES"),
        (
            "train --recipe runs/faces/recipes.yaml",
            "the recipe runs/faces/recipes.yaml does not exist. Did you mean runs/faces/recipe.yaml?",
        ),
        ("prepare photo set", "photo does not exist. Did you mean photos?"),
        ("prepare photos set --attributes tabel.csv", "tabel.csv does not exist. Did you mean table.csv?"),
        ("doctor photo", "photo does not exist. Did you mean photos?"),
        ("data photo", "photo does not exist. Did you mean photos?"),
        ("join set part photo", "part does not exist"),
        ("sample runs/face", "runs/face does not exist. Did you mean runs/faces?"),
        ("reconstruct avatars fase.jpg", "fase.jpg does not exist. Did you mean face.jpg?"),
        ("score avatars photo", "photo does not exist. Did you mean photos?"),
        ("search avatars fase.jpg", "fase.jpg does not exist. Did you mean face.jpg?"),
        ("report runs/face", "runs/face does not exist. Did you mean runs/faces?"),
        ("compare runs/faces runs/face", "runs/face does not exist. Did you mean runs/faces?"),
        ("runs run", "run does not exist: give the folder that holds your runs. Did you mean runs?"),
    ],
)
def test_commands_name_it(line: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, *line.split()).endswith(said.format(here))


def test_a_way_out_after_a_question(here: Path) -> None:
    assert with_way_out("it is gone", "find it") == "it is gone; find it"
    (here / "runs" / "faces" / "recipe.yaml").write_text(tiny(data__source=str(here / "photo")).to_yaml())
    with pytest.raises(UserError, match=r"photo does not exist\. Did you mean .*photos\? Say where they are now with --data$"):
        Run("runs/faces").images(flag="--data")


def test_two_that_write_a_file_at_once_do_not_take_each_others(tmp_path: Path) -> None:
    path = tmp_path / "samples.png"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
            remove_partial([tmp_path])
        assert path.read_text() == "second"
        with suppress(KeyError), replacing(path) as third:
            third.write_text("third")
            raise KeyError
    assert path.read_text() == "first"
    assert [first.name, second.name, third.name] == ["samples.png.partial", "samples.png.2.partial", "samples.png.2.partial"]
    assert {final_name(name) for name in (first.name, second.name, path.name)} == {path.name}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_used_again_or_removed(tmp_path: Path) -> None:
    path, left = tmp_path / "codes", tmp_path / "codes.partial"
    left.write_text("half of a longer text")
    with replacing(path) as temporary:
        assert temporary == left
        with temporary.open("r+") as file:
            file.write("whole")
    assert path.read_text() == "whole"
    left.touch()
    remove_partial([tmp_path])
    assert list(tmp_path.iterdir()) == [path]
