"""The page as a file: what is in it, and what is refused."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from vaegan import VAEGAN, Architecture, Run, UserError, export, studio
from vaegan.report import policy_hash

from ..command import train, works


def about(page: Path) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="about">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    result: dict[str, object] = json.loads(found[1])
    return result


def test_a_page_is_one_file_that_asks_for_nothing(trained_on_avatars: Path, tmp_path: Path) -> None:
    written = studio(trained_on_avatars, tmp_path / "page.html", examples=3)
    text = Path(written).read_text(encoding="utf-8")
    assert written.bytes == Path(written).stat().st_size
    assert not re.findall(r'(?:src|href)="[^"]*"', text)
    assert str(trained_on_avatars.parent) not in text  # nobody's folders
    assert "http" not in text.replace("http-equiv", "")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for part in (*scripts, *styles):
        assert policy_hash(part) in policy[1]
    assert len(about(Path(written))["examples"]) == 3  # type: ignore[arg-type]
    assert written.largest < 1
    assert "weights in float16" in str(written)


def test_the_command_says_what_it_wrote(trained_on_avatars: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    works("studio", trained_on_avatars, "--out", page, "--examples", 0, "--precision", "int8")
    said = capsys.readouterr()
    assert "weights in int8" in said.out
    assert str(page) in said.out + said.err
    assert about(page)["examples"] == []


def test_a_model_folder_has_a_page_too(run_on_avatars: Path, tmp_path: Path) -> None:
    written = studio(Run.open(run_on_avatars).model_folder, tmp_path / "page.html")
    assert about(Path(written))["examples"] == []


def test_a_run_whose_images_are_gone_has_a_page_and_says_so(photos: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", "--data", photos, training__length="2 steps", training__batch=8, data__held_out=0.5)
    photos.rename(tmp_path / "elsewhere")
    written = studio(run)
    assert Path(written) == run / "studio.html"
    assert any("no held-out images" in note for note in written.notes)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_run_in_a_read_only_folder_has_a_page_and_an_export(
    trained_on_avatars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    open_, before = Path.open, {path: path.stat().st_mtime_ns for path in trained_on_avatars.rglob("*")}

    def refuse(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if path.is_relative_to(trained_on_avatars) and not mode.startswith("r"):
            raise OSError(number, os.strerror(number), str(path))
        return open_(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", refuse)
    note = f"cannot write into {trained_on_avatars}: {os.strerror(number)}; what was learned of the run is not saved"
    page = studio(trained_on_avatars, tmp_path / "page.html", score=True)
    assert page.notes == [note]
    assert "Beard" in [attribute["name"] for attribute in about(Path(page))["attributes"]]  # type: ignore[attr-defined]
    if number == errno.EROFS:
        exported = export(trained_on_avatars, tmp_path / "exported")
        assert exported.notes == [note]
        assert json.loads((exported.folder / "model.json").read_text())["score"]["normal_images"] == 100
    assert {path: path.stat().st_mtime_ns for path in trained_on_avatars.rglob("*") if path != trained_on_avatars} == {
        path: time for path, time in before.items() if path != trained_on_avatars
    }


def test_a_gan_has_a_page_without_photos(tmp_path: Path) -> None:
    run = train(tmp_path / "run", "--recipe", "quick-larsen", objective__kind="gan", training__length="2 steps")
    text = Path(studio(run)).read_text(encoding="utf-8")
    assert 'id="file"' not in text
    assert about(run / "studio.html")["prior"] is None
    with pytest.raises(UserError, match="this needs a trained encoder"):
        studio(run, score=True)


def test_grey_images_are_shown_and_five_channels_refused(photos: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", "--data", photos, training__length="2 steps", training__batch=8, networks__channels=1)
    assert about(Path(studio(run)))["channels"] == 1
    VAEGAN(Architecture(size=(16, 16), channels=5, width=0.0625, latent=4)).save_pretrained(tmp_path / "five")
    with pytest.raises(UserError, match="the model has 5 channels, and a page can show only images of 1 or 3 channels"):
        studio(tmp_path / "five")


def test_mistakes_are_named(run_on_avatars: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a folder"):
        studio(run_on_avatars, tmp_path)
    with pytest.raises(UserError, match="--examples must be 0 or more"):
        studio(run_on_avatars, tmp_path / "page.html", examples=-1)
    with pytest.raises(UserError, match="does not exist"):
        studio(tmp_path / "nothing")
