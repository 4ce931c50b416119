"""Advice on flags, and on what looks at a run."""

from __future__ import annotations

from ..command import works
from .case import Case, follow
from .steps import WALK, damage, ffmpeg_fails, no_display, no_ffmpeg, notes_on_copies, stopped_early, too_large, without_prior

CASES = [
    # flags
    Case(
        "Each setting is a flag, for example --objective.gamma 0.1; ",
        lambda _: works("train", "--help"),
        ("recipes quick", "train TINY --data PACKED --run NEW-RUN --objective.gamma 0.1"),
    ),
    Case(
        "Each setting is a flag, for example --data.crop pad; ",
        lambda _: works("data", "--help"),
        ("recipes quick", "data PHOTOS --size 16 --data.crop pad"),
        lambda world: world.patch.setenv("COLUMNS", "200"),
    ),
    Case("--{} and --{} were both given: leave out one", "train --steps 2 --epochs 1", "train FASTER --data PACKED --run NEW-RUN"),
    Case("settings begin with --, as in --data FOLDER", "train photo-folder", "train FASTER --size 16 --data PHOTOS --run NEW-RUN"),
    Case(
        "--{} was given twice",
        "train --objective.gamma 1 --objective.gamma 2",
        "train TINY --data PACKED --run NEW-RUN --objective.gamma 0.1",
    ),
    Case(
        "--{} and its short name --{} were both given: leave out one",
        "train --seed 1 --training.seed 1",
        "train TINY --data PACKED --run NEW-RUN --seed 1",
    ),
    Case("is for: see --help", "recipes a b", "recipes --help"),
    # looking at a run
    Case(
        ("More of this model: vaegan sample {}", "Train it yourself: vaegan train --recipe drawings"),
        "demo",
        ("sample avatars", "SAID FASTER --data PACKED --run NEW-RUN"),
        no_display,
    ),
    Case("--seed must be at least 0 and below 2^63, not {}", "sample RUN --seed -1", "sample RUN --seed 0"),
    Case("--count must be above 0, not {}", "sample RUN --count 0", "sample RUN --count 1"),
    Case(
        "--set must be NAME=NUMBER, such as Smiling=1",
        "sample CONDITIONAL --set Round=x",
        "sample CONDITIONAL --set Round=1",
    ),
    Case(
        "{} exists already: it is not an empty folder; choose another --out",
        "push RUN somebody/faces --out RUN",
        "push RUN somebody/faces --out OUT",
    ),
    Case("--examples must be 0 or more, not {}", "studio RUN --examples -1", "studio RUN --examples 0"),
    Case(
        "leave out --score, or calibrate the score on a set of normal images, with: ",
        "studio MODEL --score --out page.html",
        ("studio MODEL --out page.html", "score MODEL IMAGES --calibrate PACKED", "studio MODEL --score --out page.html"),
    ),
    Case(
        "{} exists already: it {} {}; choose another --out",
        "export GAN --out SET",
        "export GAN --out OUT",
        lambda world: works("export", world["GAN"], "--out", world["SET"]),
    ),
    Case(
        "because the score is not calibrated: {}; calibrate the score with: vaegan score {} IMAGES --calibrate SET",
        "export MODEL --out OUT",
        ("score MODEL IMAGES --calibrate PACKED", "export MODEL --out SET"),
    ),
    Case("--fps must be from 1 to 50, not {}", "convergence RUN --fps 0", "convergence RUN --fps 1"),
    Case("--steps must be from 2 to {}, not {}", "interpolate RUN PHOTO IMAGE --steps 1", "interpolate RUN PHOTO IMAGE --steps 2"),
    Case("--tiles must be at least 1x1, with at most 400 tiles in all, but it is {}", "walk RUN --tiles 0x1", WALK),
    Case("--seconds must be long enough for two frames, and at most 600, but it is {}", "walk RUN --seconds 0", WALK),
    Case("make the video shorter, or give --out a name that ends in .mp4", WALK, f"{WALK} --out walk.mp4", too_large),
    Case(
        "ffmpeg could not write the video: {}; to write it without ffmpeg, give --out a name that ends in .gif",
        f"{WALK} --out a.mp4",
        f"{WALK} --out a.gif",
        ffmpeg_fails,
    ),
    Case(
        "give --out a name that ends in .gif, or install ffmpeg with: pip install imageio-ffmpeg",
        f"{WALK} --out a.mp4",
        f"{WALK} --out a.gif",
        no_ffmpeg,
    ),
    Case(
        "this model has no fitted prior: leave out --prior fitted, or fit one with: vaegan fit-prior RUN",
        "sample RUN --prior fitted",
        ("sample RUN", "SAID", "sample RUN --prior fitted"),
        without_prior,
    ),
    Case(
        "note: samples come from N(0, I), because the run has no fitted prior: fit it with: vaegan fit-prior {}",
        "sample RUN",
        ("SAID", "sample RUN --prior fitted"),
        without_prior,
    ),
    Case(
        "note: samples come from N(0, I), because the run was interrupted at step {}, before its prior was fitted: "
        "continue it with: vaegan train --resume {}",
        "sample RUN",
        ("SAID", "sample RUN --prior fitted"),
        stopped_early,
    ),
    Case("this model has no encoder, so its prior is N(0, I): leave out --prior fitted", "sample GAN --prior fitted", "sample GAN"),
    Case("fit the prior again with: vaegan fit-prior RUN", "sample RUN", ("SAID", "sample RUN"), damage("model/prior.safetensors")),
    Case("--components must be at least 1, not {}", "fit-prior RUN --components 0", "fit-prior RUN --components 1"),
    Case("If the picture shows copies, fit a prior of fewer components: vaegan fit-prior RUN --components 1", notes_on_copies, "SAID"),
]

test_the_advice_works = follow(CASES)
