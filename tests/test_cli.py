"""The command line does what it says, and answers a mistake with one sentence and exit code 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaegan import Recipe, load

from .command import fails, fails_with_notice, train, works
from .processes import run, run_command
from .tiny import flags


def test_train_on_a_folder(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = tmp_path / "run"
    works("train", "--data", photos, "--run", trained, "--steps", 2, *flags(training__length=None))
    recipe = Recipe.load(trained / "recipe.yaml")
    assert recipe.data.source == str(photos)
    assert recipe.networks.size == (16, 16)
    assert recipe.training.length == "2 steps"
    error = capsys.readouterr().err
    assert str(trained / "samples" / "step-000002.png") in error
    assert f"The run is {trained}" in error
    parameters = sum(parameter.numel() for parameter in load(trained).parameters())
    assert f"32 images of 16x16 to train on, 8 held out; {parameters:,} parameters; 2 steps on the CPU" in error
    assert f"The report is {trained / 'report.html'}" in error
    assert "32" in (trained / "report.html").read_text()


def test_a_run_can_be_trained_again_from_its_recipe(trained: Path, tmp_path: Path) -> None:
    works("train", "--recipe", trained / "recipe.yaml", "--run", tmp_path / "again", "--device", "cpu", "--no-report")
    one, other = ((run / "model" / "model.safetensors").read_bytes() for run in (trained, tmp_path / "again"))
    assert one == other


def test_flags_go_over_the_recipe(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "objective:\n  gamma: 0.3\n  level: 2\nnetworks:\n  size: [16, 24]\n  width: 0.0625\ntraining:\n  batch: 8\n"
    )
    given = ["--data", photos, "--recipe", tmp_path / "mine.yaml", "--run", tmp_path / "run", "--device", "cpu", "--no-report"]
    over = ["--objective.level", 1, "--seed", 7, "--networks.latent", 3, "--augmentation.flip", "--gate.no-enabled", "--epochs", 1]
    works("train", *given, *over)
    recipe = Recipe.load(tmp_path / "run" / "recipe.yaml")
    assert (recipe.objective.gamma, recipe.objective.level, recipe.networks.size) == (0.3, 1, (16, 24))
    assert (recipe.training.seed, recipe.augmentation.flip, recipe.gate.enabled, recipe.training.length) == (7, True, False, "1 epochs")


def test_resume(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "at step 2 already" in fails(capsys, "train", "--resume", trained)
    works("train", "--resume", trained, "--steps", 4, "--device", "cpu", "--no-report")
    assert json.loads((trained / "stats.jsonl").read_text().splitlines()[-1])["step"] == 4
    assert "leave out --recipe and --run" in fails(capsys, "train", "--resume", trained, "--recipe", "x", "--run", "y")
    assert "its objective.gamma is 0.8, not 0.2" in fails(capsys, "train", "--resume", trained, "--objective.gamma", 0.2, "--steps", 5)


def test_sample_and_reconstruct(trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("sample", trained)
    works("sample", trained / "model", "--count", 5, "--seed", 3, "--out", tmp_path / "a" / "five.png")
    works("reconstruct", trained, photos, photos / "photo 00.png")
    works("reconstruct", trained, photos / "photo 01.png", "--out", tmp_path / "one.png")
    for picture in (trained / "samples.png", tmp_path / "a" / "five.png", trained / "reconstructions.png", tmp_path / "one.png"):
        with Image.open(picture) as image:
            assert np.asarray(image).std() > 1
    assert "wrote" in capsys.readouterr().out


def test_a_film_of_the_training(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("train", "--resume", trained, "--steps", 4, "--training.picture_every", 1, "--device", "cpu", "--no-report")
    works("convergence", trained, "--fps", 10)
    with Image.open(trained / "convergence.gif") as film:
        assert film.n_frames <= 3 + 20  # type: ignore[attr-defined]  # Pillow joins the last ones, which are the same
        assert film.n_frames >= 3  # type: ignore[attr-defined]
        film.seek(2)
        with Image.open(trained / "samples" / "step-000004.png") as last:
            assert np.abs(np.asarray(film.convert("RGB"), float) - np.asarray(last.convert("RGB"))).mean() < 8
    assert "has no pictures that were saved during training" in fails(capsys, "convergence", tmp_path)
    assert "--fps must be from 1 to 50" in fails(capsys, "convergence", trained, "--fps", 0)
    assert ".gif or .mp4" in fails(capsys, "convergence", trained, "--out", tmp_path / "film.txt")
    (trained / "samples" / "step-1000000.png").write_bytes(b"no picture")
    assert "step-1000000.png is damaged" in fails(capsys, "convergence", trained)


def test_the_same_seed_gives_the_same_picture(trained: Path, tmp_path: Path) -> None:
    for name, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        works("sample", trained, "--seed", seed, "--count", 4, "--out", tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b
    assert a != c


def test_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    works("recipes")
    listing = capsys.readouterr().out
    assert "larsen-cifar" in listing
    assert "objective.gamma: 1e-05  (default 1e-06)" in listing
    works("recipes", "quick")
    assert capsys.readouterr().out == Recipe.load("quick").to_yaml(documented=True)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--help"],
        ["train", "--help"],
        ["sample", "--help"],
        ["reconstruct", "--help"],
        ["recipes", "--help"],
        ["prepare", "--help"],
        ["data", "--help"],
        ["bench", "--help"],
    ):
        works(*arguments)
        assert "Usage: vaegan" in capsys.readouterr().out


def test_arguments_stand_before_a_flag_that_takes_all_words(capsys: pytest.CaptureFixture[str]) -> None:
    for name, line in {"edit": "edit RUN IMAGES --add NAME=STRENGTH... [OPTIONS]", "sample": "sample RUN [OPTIONS]"}.items():
        works(name, "--help")
        assert f"Usage: vaegan {line}\n" in capsys.readouterr().out


def test_prepare_look_train(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "empty.png").touch()
    table = "file,Round,kind\n" + "".join(f"photo {n:02d}.png,{n % 2},{'ab'[n % 2]}\n" for n in range(40))
    (tmp_path / "table.csv").write_text(table)
    options = ["--size", "16x24", "--crop", "none", "--splits", 0.8, 0.1, 0.1, "--attributes", tmp_path / "table.csv", "--label", "kind"]
    works("prepare", photos, tmp_path / "set", *options)
    error = capsys.readouterr().err
    assert "holds 40 images of 16x24: train 32, validation 4, test 4" in error
    assert "skipped 1 of 41 image files" in error
    assert "empty.png: empty file" in error
    works("data", tmp_path / "set", "--out", tmp_path / "sheet.png")
    text = capsys.readouterr().out
    for line in (
        "40 images of 16x24 in colour",
        "made from folder photos with crop none, resampling fast",
        "splits: train 32, validation 4, test 4",
        "2 classes: a 20, b 20",
        "Round                     50.0%",
        "skipped: 1",
        f"wrote {tmp_path / 'sheet.png'}",
    ):
        assert line in text
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 1
    works("data", tmp_path / "set", "--verify")
    assert "is not damaged: 6 files" in capsys.readouterr().out
    train(tmp_path / "run", "--data", tmp_path / "set", networks__size=None, training__length="2 steps")  # the set decides the size
    assert "32 images of 16x24 to train on, 4 held out" in capsys.readouterr().err
    recipe = Recipe.load(tmp_path / "run" / "recipe.yaml")
    assert (recipe.networks.size, recipe.data.crop) == ((16, 24), "none")
    works("train", "--resume", tmp_path / "run", "--steps", 3, "--device", "cpu", "--no-report")
    works("reconstruct", tmp_path / "run", photos)
    works("data", tmp_path / "run")
    assert "splits: train 32, validation 4, test 4" in capsys.readouterr().out
    assert "was prepared with size 16x24, but size 32x32 is needed" in fails(capsys, "train", "--data", tmp_path / "set", "--size", 32)
    pixels = (tmp_path / "set" / "images-00000.npy").read_bytes()
    (tmp_path / "set" / "images-00000.npy").write_bytes(pixels[:-1] + b"?")
    assert "images-00000.npy changed after packing" in fails(capsys, "data", tmp_path / "set", "--verify")


def test_prepare_takes_the_size_of_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    works("prepare", "avatars", tmp_path / "set", "--count", 5)
    assert "holds 5 images of 64x64" in capsys.readouterr().err
    works("prepare", "avatars", tmp_path / "odd", "--count", 5, "--size", 20)
    works("data", tmp_path / "odd")
    assert "19 attributes, with the share of images that have each one" in capsys.readouterr().out


def test_a_set_that_is_not_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set" / "unfinished").mkdir(parents=True)
    (tmp_path / "set" / "unfinished" / "images-00000.npy").touch()
    assert "is not finished: run the same vaegan prepare command again" in fails(capsys, "data", tmp_path / "set")
    assert "is not finished: run the same vaegan prepare command again" in fails(capsys, "train", "--data", tmp_path / "set")
    works("prepare", "avatars", tmp_path / "set", "--count", 5, "--size", 16)
    works("data", tmp_path / "set")


def test_a_reader_that_has_seen_enough() -> None:
    done = run_command("bash", "-c", f"'{sys.executable}' -m vaegan recipes | head -1")
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


MISTAKES = {
    "does not exist": (["train", "--data", "nowhere"], "nowhere does not exist"),
    "an unknown recipe": (["train", "--recipe", "qick"], "Did you mean quick?"),
    "an unknown flag": (["train", "--objective.gama", "1"], "Did you mean --objective.gamma?"),
    "a wrong value": (["train", "--objective.gamma", "lots"], "--objective.gamma"),
    "an impossible value": (["train", "--objective.gamma", "7"], "objective.gamma must be above 0 and at most 1"),
    "a wrong choice": (["train", "--optimizer.kind", "sgd"], "rmsprop"),
    "a wrong size": (["train", "--size", "60", "--recipe", "reference"], "multiples of 8"),
    "a size that cannot be halved": (["train", "--size", "60"], "choose 64x64, the nearest size that works"),
    "a size that is none": (["train", "--size", "big"], "--size must be a number of pixels"),
    "two lengths": (["train", "--steps", "3", "--minutes", "2"], "--steps and --minutes were both given: leave out one"),
    "a length that is no number": (["train", "--steps", "x"], '--steps must be a whole number, not "x"'),
    "a flag without a value": (["train", "--steps", "--seed", "3"], "--steps needs a value"),
    "false for a switch": (["train", "--report", "false", "--seed", "3"], "leave out false, with: vaegan train --no-report --seed 3"),
    "true for what says no": (["train", "--no-report", "TRUE"], "leave out TRUE, with: vaegan train --no-report"),
    "false for what says no": (["train", "--no-report", "false"], "leave out false, with: vaegan train --report"),
    "false for a switch that is off": (["report", "RUN", "--json", "false"], "leave out --json false, with: vaegan report RUN"),
    "true for no command": (["trian", "--report", "true"], "there is no command named trian. Did you mean train?"),
    "true for a group of commands": (["experiment", "--json", "true"], "there is no command named --json"),
    "an unknown experiment": (["experiment", "foo"], "there is no command named foo"),
    "true for help": (["--help", "true"], "there is no command named true"),
    "runs that no pattern has found": (["experiment", "samples", "--runs"], "--runs needs a value"),
    "attributes without one": (["sample", "RUN", "--set"], "--set needs a value"),
    "an attribute without its name": (["sample", "RUN", "--set", "5"], '--set must be NAME=NUMBER, such as Smiling=1, not "5"'),
    "no length": (["train", "--steps", "0"], "must be above 0"),
    "one setting twice": (["train", "--seed", "3", "--training.seed", "4"], "were both given: leave out one"),
    "an unknown device": (["train", "--device", "tpu"], "device must be auto, cpu, cuda or mps"),
    "an unknown command": (["trian"], "there is no command named trian. Did you mean train?"),
    "a folder without its flag": (["train", "photos"], "photos is for: settings begin with --, as in --data FOLDER"),
    "a missing recipe file": (["train", "--recipe", "mine.yaml"], "the recipe mine.yaml does not exist"),
    "a missing run": (["sample", "nowhere"], "nowhere does not exist"),
    "a missing argument": (["sample"], "RUN"),
    "a seed below 0": (["train", "--seed", "-1"], "training.seed"),
    "a seed too large": (["train", "--seed", str(2**70)], "training.seed"),
    "an infinite width": (["train", "--networks.width", "inf"], "networks.width"),
    "a rate that is no number": (["train", "--optimizer.lr", "nan"], "optimizer.lr"),
    "no data": (["train", "--data", ""], "the name of the images is empty: give a folder, or avatars,"),
    "no processes": (["train", "--processes", "0"], "--processes must be at least 1"),
    "no samples": (["sample", "nowhere", "--count", "0"], "--count"),
    "nothing to prepare": (["prepare", "nowhere", "set"], "does not exist"),
    "no place to prepare for": (["prepare", "nowhere"], "OUT"),
    "nothing to look at": (["data", "nowhere"], "nowhere does not exist"),
    "an unknown kind": (["train", "--data", "celebaa:x"], "Did you mean celeba?"),
    "a size that is not known": (["prepare", "avatars", "set", "--size", "big"], "--size must be a number of pixels"),
    "splits that do not add up": (["prepare", "avatars", "set", "--splits", "0.5", "0.5", "0.5"], "add up to 1"),
    "an augmentation too far": (["train", "--augmentation.shift", "3"], "augmentation.shift must be from 0 to 1"),
    "nothing to resume": (["train", "--resume", "nowhere"], "cannot resume the run nowhere: this folder does not exist"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_mistakes_with_data(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bare").mkdir()
    assert "there are no images in" in fails(capsys, "train", "--data", tmp_path / "bare", "--run", tmp_path / "run")
    assert "fewer than a batch of 64" in fails(capsys, "train", "--data", photos, "--run", tmp_path / "run", "--training.batch", 64)
    assert "exists already" in fails(capsys, "train", "--data", photos, "--run", photos)
    assert len(list(photos.iterdir())) == 40
    assert "not a run folder" in fails(capsys, "train", "--resume", photos)
    assert "config.json" in fails(capsys, "sample", photos)
    assert not (tmp_path / "run").exists()


def test_mistakes_with_a_run(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing.png does not exist" in fails(capsys, "reconstruct", trained, "nothing.png")
    (tmp_path / "bad.png").write_text("no image")
    assert "no image can be read from" in fails_with_notice(capsys, "reconstruct", trained, tmp_path / "bad.png")
    (tmp_path / "bad.yaml").write_text("objective:\n  gama: 1\n")
    assert "objective.gamma" in fails(capsys, "train", "--recipe", tmp_path / "bad.yaml")
    (trained / "model" / "model.safetensors").write_bytes(b"nothing")
    assert "damaged" in fails(capsys, "sample", trained)


def test_pictures_that_cannot_be_written(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("picture", "picture.xyz", "."):
        assert "give it a name that ends in .png" in fails(capsys, "sample", trained, "--out", tmp_path / name)
    assert "--seed" in fails(capsys, "sample", trained, "--seed", 2**70)


def test_names_that_look_like_markup(trained: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = photos / "[bold] :cat: [b].png"
    (photos / "photo 00.png").rename(odd)
    works("reconstruct", trained, odd, "--out", tmp_path / "[red] x.png")
    assert capsys.readouterr().out == f"wrote {tmp_path / '[red] x.png'}\n"


def test_bad_images_among_good_ones(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "empty.jpg").touch()
    (photos / "corrupt.jpg").write_bytes(b"\xff\xd8\xff and then nothing")
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    (photos / "about.txt").touch()
    train(tmp_path / "run", "--data", photos, training__length="1 steps")
    said = capsys.readouterr().err
    assert "skipped 3 of 43 image files" in said
    assert f"left out 1 file, listed in {tmp_path / 'run' / 'skipped.txt'}: 1 .txt (not an image)\n" in said
    listed = (tmp_path / "run" / "skipped.txt").read_text().splitlines()
    assert [line.split(":")[0] for line in listed] == ["corrupt.jpg", "dot.png", "empty.jpg", "about.txt"]


def test_old_notes_are_not_said_again(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "empty.jpg").touch()
    (photos / "about.txt").touch()
    train(tmp_path / "run", "--data", photos, training__length="2 steps")
    assert "skipped 1 of 41 image files" in capsys.readouterr().err
    works("train", "--resume", tmp_path / "run", "--steps", 3, "--device", "cpu", "--no-report")
    said = capsys.readouterr().err
    assert "skipped" not in said
    assert "left out" not in said
    assert "continues at step 2 of 3 on the CPU" in said


def test_a_longer_run_says_what_becomes_of_an_annealed_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = {"optimizer__schedule": "anneal", "optimizer__lr": 1e-3, "optimizer__final_lr": 1e-5, "optimizer__power": 1.0}
    train(tmp_path / "run", training__length="4 steps", **rates)
    assert "learning rate" not in capsys.readouterr().err
    works("train", "--resume", tmp_path / "run", "--steps", 8, "--device", "cpu", "--no-report")
    longer = "note: the run now has 8 steps (before: 4), and the learning rate depends on the number of steps"
    note = f"{longer}: at step 4 it is now 0.00051 (before: 1e-05)"
    assert note in capsys.readouterr().err.splitlines()
    works("train", "--resume", tmp_path / "run", "--steps", 9, "--training.log_every", 1, "--device", "cpu", "--no-report")
    assert (
        "now has 9 steps (before: 8), and the learning rate depends on the number of steps: at step 8 it is now " in capsys.readouterr().err
    )
    fails(capsys, "train", "--resume", tmp_path / "run", "--steps", 5, "--device", "cpu", words="the run is at step 9 already")


def test_look_at_images_as_training_takes_them(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    works("data", photos, "--size", "16x24", "--data.crop", "none")
    said = capsys.readouterr().out
    assert "40 images of 16x24 in colour" in said
    assert "crop none" in said
    assert "wrote contact-sheet.png" in said
    assert len(list(photos.iterdir())) == 40
    works("data", photos, "--size", "16x24", "--data.crop", "none", "--verify")
    assert "is not damaged" in capsys.readouterr().out
    assert "networks.size" in fails(capsys, "data", photos, "--size", 17)
    train(tmp_path / "run", "--data", photos, training__length="1 steps")
    assert "leave out other recipes and settings" in fails(capsys, "data", tmp_path / "run", "--size", 32)


def test_a_place_that_cannot_be_written(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    error = fails(capsys, "train", "--data", photos, "--run", tmp_path / "file" / "run", *flags())
    assert "Not a directory" in error
    assert str(tmp_path / "file") in error


def test_the_command_itself(tmp_path: Path) -> None:
    """As a process of its own: exit code 2 and nothing on standard output."""
    done = run("sample", tmp_path / "x", fresh=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"vaegan: {tmp_path / 'x'} does not exist\n"
