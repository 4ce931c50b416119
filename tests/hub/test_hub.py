"""Models on the hub: sent and fetched, bit for bit, and repositories that mean harm."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

import vaegan
from vaegan import VAEGAN, Run, UserError
from vaegan.api.hub import plain_name
from vaegan.hub.client import FILES, PLAIN

from ..command import fails, works
from ..tiny import equal
from .stand_in import Hub, serving

pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of its own for each test, with empty caches."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("VAEGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # which a test before may have imported it with
    with serving() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


@pytest.fixture
def published(hub: Hub, run_on_photos: Path, tmp_path: Path) -> dict[str, bytes]:
    """The files of somebody's model on the hub, which a test may change."""
    found = vaegan.push(run_on_photos, "somebody/faces", out=tmp_path / "published")
    hub.repositories["somebody/faces"] = {path.name: path.read_bytes() for path in found.files}
    return hub.repositories["somebody/faces"]


def test_there_and_back(hub: Hub, trained_on_avatars: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vaegan.attributes(trained_on_avatars)
    run = Run.open(trained_on_avatars)
    vaegan.score(trained_on_avatars, run.images().images[:2])
    works("push", trained_on_avatars, "somebody/faces", "--license", "mit")
    said = capsys.readouterr().out
    assert f"the model is {hub.address}/somebody/faces" in said
    assert "Anyone who may read it can use it: vaegan sample hf:somebody/faces" in said
    assert not hub.private
    files = hub.repositories["somebody/faces"]
    assert set(files) == {*FILES, "README.md", "samples.png"}
    fetched = Run.open("hf:somebody/faces")
    mine, other = run.model(), fetched.model()
    assert equal(other.state_dict(), mine.state_dict())
    assert torch.equal(other.sample(3), mine.sample(3))
    for path in (fetched.attributes_file, fetched.score_file):
        assert path.read_bytes() == (trained_on_avatars / path.name).read_bytes()
    assert fetched.recipe == run.recipe
    assert equal(VAEGAN.from_pretrained("somebody/faces").state_dict(), mine.state_dict())
    works("sample", "hf:somebody/faces")
    assert Path("faces-samples.png").is_file()
    assert set(hub.fetched) == set(FILES)


@pytest.mark.usefixtures("published")
def test_the_code_of_the_card_runs(hub: Hub, all_photos: Path) -> None:
    shutil.copy(all_photos / "photo 00.png", "photo.png")
    (code,) = re.findall(r"```python\n(.*?)```", hub.repositories["somebody/faces"]["README.md"].decode(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert getattr(names["samples"], "shape", None) == (16, 3, 16, 16)
    assert getattr(names["reconstructions"], "shape", None) == (1, 3, 16, 16)


def test_a_model_of_a_program(hub: Hub, trained: Path) -> None:
    model = vaegan.load(trained)
    assert model.push_to_hub("somebody/faces", private=True) == f"{hub.address}/somebody/faces"
    assert hub.private == {"somebody/faces"}
    fetched = VAEGAN.from_pretrained("somebody/faces")
    assert equal(fetched.state_dict(), model.state_dict())
    assert torch.equal(fetched.sample(2), model.sample(2))


def test_through_a_folder(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "repository"
    works("push", trained, "somebody/faces", "--out", folder)
    assert "nothing was sent" in capsys.readouterr().out
    for found in (vaegan.load(folder), VAEGAN.from_pretrained(folder)):
        assert equal(found.state_dict(), vaegan.load(trained).state_dict())
        assert torch.equal(found.sample(2), vaegan.load(trained).sample(2))
    fails(capsys, "push", trained, "somebody/faces", "--out", folder, words=f"{folder} exists already: it is not an empty folder")


def test_nothing_of_this_machine_is_sent(run_on_photos: Path, all_photos: Path, tmp_path: Path) -> None:
    shutil.copytree(run_on_photos, tmp_path / "run")
    vaegan.evaluate(tmp_path / "run", all_photos, samples=20, extractor="none")
    found = vaegan.push(tmp_path / "run", "somebody/faces", out=tmp_path / "out")
    for path in found.files:
        assert str(tmp_path.parent).encode() not in path.read_bytes(), path
        assert str(all_photos.parent).encode() not in path.read_bytes(), path
    assert Run.open(tmp_path / "out").recipe.data.source == "photos"


def test_the_card_says_what_is_known(run_on_avatars: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(run_on_avatars, tmp_path / "run"))
    vaegan.evaluate(run, samples=20, extractor="none")
    vaegan.push(run, "somebody/faces", license="cc-by-4.0", out=tmp_path / "out")
    _, header, text = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    about = yaml.safe_load(header)
    assert (about["license"], about["library_name"]) == ("cc-by-4.0", "vaegan")
    assert "# pip install vaegan huggingface_hub" in text
    assert "A VAE/GAN trained on 300 images of the built-in avatars" in text
    for words in (
        "| active units |",
        "| `training.length` | 2 steps |",
        "![Samples of the fitted prior",
        'vaegan.load("hf:somebody/faces")',
    ):
        assert words in text
    vaegan.push(run / "model", "somebody/faces", out=tmp_path / "plain")
    assert "The license of this model is not stated" in (tmp_path / "plain" / "README.md").read_text()


@pytest.mark.usefixtures("published")
def test_a_revision(hub: Hub) -> None:
    commit = hub.commit("somebody/faces")
    first = vaegan.load(f"hf:somebody/faces@{commit}")
    assert equal(first.state_dict(), vaegan.load("hf:somebody/faces").state_dict())


def test_what_was_fetched_is_there_without_the_hub(published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    assert published
    model = vaegan.load("hf:somebody/faces")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")  # nobody answers there
    assert equal(vaegan.load("hf:somebody/faces").state_dict(), model.state_dict())


def test_pickled_weights_are_refused(hub: Hub, published: dict[str, bytes]) -> None:
    published["pytorch_model.bin"] = pickle.dumps(_Harmful())
    del published["model.safetensors"]
    words = "it has no model.safetensors; pytorch_model.bin is a pickle, which can run code when it is opened, so vaegan does not open it"
    with pytest.raises(UserError, match=re.escape(words)):
        vaegan.load("hf:somebody/faces")
    assert not hub.fetched


def test_python_and_a_pickle_beside_the_weights_are_not_fetched(hub: Hub, published: dict[str, bytes]) -> None:
    published["modeling.py"] = published["vaegan/__init__.py"] = b"raise SystemExit('harm')\n"
    published["prior.pkl"] = pickle.dumps(_Harmful())
    published["sub/config.json"] = b"{}"
    config = json.loads(published["config.json"])
    published["config.json"] = json.dumps({**config, "auto_map": {"AutoModel": "modeling.Model"}}).encode()
    folder = Run.open("hf:somebody/faces").folder
    assert vaegan.load("hf:somebody/faces").sample(1).shape == (1, 3, 16, 16)
    assert {path.name for path in folder.rglob("*")} <= set(FILES)
    assert not {"modeling.py", "vaegan/__init__.py", "prior.pkl", "sub/config.json"} & set(hub.fetched)


def test_truncated_weights_are_refused(published: dict[str, bytes]) -> None:
    published["model.safetensors"] = published["model.safetensors"][:-100]
    with pytest.raises(UserError, match=r"model\.safetensors is damaged, or does not fit its config\.json"):
        vaegan.load("hf:somebody/faces")


@pytest.mark.parametrize("source", ["/etc", "../../secrets", "~/photos", "celeba:/data/celeba", "hf:../x", "a/b"])
def test_a_recipe_that_names_a_path_is_refused(published: dict[str, bytes], source: str) -> None:
    recipe = yaml.safe_load(published["recipe.yaml"])
    recipe["data"]["source"] = source
    published["recipe.yaml"] = yaml.safe_dump(recipe).encode()
    with pytest.raises(UserError, match=r"its recipe\.yaml names the path .*, so vaegan would read files of your machine"):
        vaegan.load("hf:somebody/faces")


@pytest.mark.parametrize("family", ["../evil", "os", "/tmp/evil.py", "larsen:__import__('os')"])
def test_a_config_that_names_a_module_is_refused(published: dict[str, bytes], family: str) -> None:
    vaegan.load("hf:somebody/faces")  # imports what every load does
    before = set(sys.modules)
    config = json.loads(published["config.json"])
    config["architecture"]["family"] = family
    published["config.json"] = json.dumps(config).encode()
    with pytest.raises(UserError, match=r"there is no networks\.family named"):
        vaegan.load("hf:somebody/faces")
    assert not set(sys.modules) - before


def test_mistakes(hub: Hub, trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fails(capsys, "sample", "hf:faces", words="a model of the Hugging Face hub must be hf:USER/NAME or hf:USER/NAME@REVISION, not hf:faces")
    fails(capsys, "push", trained, "faces", words="a repository of the Hugging Face hub must be USER/NAME, not faces")
    fails(capsys, "sample", "hf:nobody/faces", words="cannot fetch hf:nobody/faces: ")
    hub.repositories["somebody/other"] = {"README.md": b"# Something else\n"}
    fails(capsys, "sample", "hf:somebody/other", words="hf:somebody/other is not a model of vaegan: it has no config.json")
    with pytest.raises(UserError, match="does not exist"):
        VAEGAN.from_pretrained(Path("nobody/faces"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for words in (["sample", "hf:somebody/faces"], ["push", str(trained), "somebody/faces"]):
        fails(capsys, *words, words="models of the Hugging Face hub need one more package: pip install huggingface_hub")


class _Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('harm')",)


def test_nothing_of_this_machine_and_of_an_older_push_is_there(hub: Hub, trained: Path, photos: Path, tmp_path: Path) -> None:
    run = Run.open(trained)
    sides = {}
    for name, number in (("with these (1)", 0), ("without", 20)):
        sides[name] = tmp_path / "secret place" / name
        sides[name].mkdir(parents=True)
        for path in sorted(photos.glob("*.png"))[number : number + 20]:
            shutil.copy(path, sides[name])
    vaegan.attributes(trained, with_images=sides["with these (1)"], without_images=sides["without"], name="Spots")
    learned = vaegan.Directions.load(run.attributes_file)
    dataclasses.replace(learned, about={**learned.about, "data": str(tmp_path / "secret place" / "table")}).save(run.attributes_file)
    hub.repositories["somebody/faces"] = {"prior.safetensors": b"of other weights", "notes.txt": b"kept"}
    (run.model_folder / "prior.safetensors").unlink(missing_ok=True)
    vaegan.push(trained, "somebody/faces")
    files = hub.repositories["somebody/faces"]
    assert not [name for name, content in files.items() if b"secret place" in content or str(tmp_path).encode() in content]
    assert "prior.safetensors" not in files
    assert files["notes.txt"] == b"kept"
    assert vaegan.Directions.load(Run.open("hf:somebody/faces").attributes_file).sources == {"Spots": ["with-these-1", "without"]}


@pytest.mark.parametrize("source", ["photos (1)", "a+b", "faces@home", "#1", "cats, dogs", "Bob's", "sets/plain", "…"])
def test_a_folder_of_any_name_gets_a_plain_one(source: str) -> None:
    assert PLAIN.fullmatch(plain_name(source))
