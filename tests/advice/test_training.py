"""Advice on training, before it and after it."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from vaegan import dry_run
from vaegan.training.health import SIGNS

from ..tiny import tiny
from .case import Case, follow
from .steps import (
    NOT_FINITE,
    ONE,
    both,
    busy,
    damage,
    given,
    healed,
    interrupted,
    moved,
    not_finite,
    one_less,
    one_more,
    one_other,
    page_of_a_comparison,
    patched,
    spoilt,
    started_by_fabric,
    started_by_torchrun,
    warnings,
    without_checkpoints,
    without_prior,
)

SMALL = "SAID FASTER --size 16"
LONE_WORD = "it is not clear what {} is for: settings begin with --, as in: vaegan train {} {}"

CASES = [
    # training
    Case(("More pictures: vaegan sample {}",), "train TINY --data PACKED --run NEW-RUN", "SAID"),
    Case("Your own images: vaegan reconstruct {} IMAGES", "train TINY --data PACKED --run NEW-RUN", "SAID"),
    Case(
        "write it anyway with: vaegan studio {}",
        "train TINY --data PACKED --run NEW-RUN --studio",
        "SAID",
        lambda w: w.patch.setattr("vaegan.finish.MOST_IN_PAGE", 10),
    ),
    Case(
        "tensorboard --logdir {}",
        "train TINY --data PACKED --run NEW-RUN",
        lambda w: next((w.folder / w.line(w.said)[-1]).rglob("events*")),
    ),
    Case("{} is a folder, not a recipe: train on the images in it with: vaegan train --data {}", "train --recipe PHOTOS", SMALL),
    Case(
        "{} is a run folder, not a recipe: use its recipe with: vaegan train --recipe {}",
        "train --recipe RUN",
        "SAID RESUMED --run NEW-RUN",
    ),
    Case(LONE_WORD, "train PHOTOS", SMALL),
    Case(LONE_WORD, "train quick", f"{SMALL} --data PHOTOS"),
    Case(LONE_WORD, "train RUN", "SAID RESUMED"),
    Case(
        "; to continue {} instead, run: vaegan train --resume {}",
        "train FASTER --data PHOTOS --size 16",
        "SAID --device cpu --no-report",
        interrupted,
    ),
    Case(
        "--resume continues a run in its own folder, with its own recipe: leave out {}",
        "train --resume RUN --run OUT",
        "train --resume RUN RESUMED",
    ),
    Case(
        "add images, or lower --training.batch",
        "train TINY --data PACKED --run NEW-RUN --training.batch 30",
        "train FASTER --data PACKED --run NEW-RUN",
    ),
    Case(": set --training.batch {}", "train --resume RUN RESUMED --training.batch 4", "train --resume RUN RESUMED --training.batch 8"),
    Case(
        "give a trained run that has one, for example a GAN, with --objective.discriminator RUN",
        "train TINY --data PACKED --objective vae-dis",
        "train TINY --data PACKED --run NEW-RUN --objective vae-dis --objective.discriminator GAN",
    ),
    Case(
        ("{} exists already: choose another --run", ", or continue it with: vaegan train --resume {}"),
        "train TINY --data PACKED --run RUN",
        ("SAID RESUMED", "train TINY --data PACKED --run NEW-RUN"),
    ),
    Case(
        ", or add --auto-resume to start it again, because it stopped before its first checkpoint",
        "train TINY --data PACKED --run RUN",
        "train TINY --data PACKED --run RUN --auto-resume",
        without_checkpoints,
    ),
    Case(
        "--auto-resume needs --run, the folder of the run to start or continue",
        "train --auto-resume",
        "train FASTER --data PACKED --auto-resume --run NEW-RUN",
    ),
    Case("vaegan train --recipe {} --run {} --auto-resume", "train --resume RUN", "SAID", without_checkpoints),
    Case("vaegan train --recipe {} --run {} --auto-resume", "sample RUN", ("SAID", "sample RUN"), without_checkpoints),
    Case(
        "was removed: write it again with: vaegan train --resume {}; "
        "or, if no steps are left, train one more with: vaegan train --resume {} --steps {}",
        "sample RUN",
        ("SAID --steps 7 --device cpu --no-report", "sample RUN"),
        lambda w: shutil.rmtree(w["MODEL"]),
    ),
    Case(
        "train it again, for example with a lower --optimizer.lr",
        "evaluate RUN --samples 20 --extractor none --device cpu",
        "train TINY --data PACKED --run NEW-RUN --optimizer.lr 0.0001",
        spoilt,
    ),
    Case(
        "; give more --minutes, or give --steps in place of --minutes",
        "train --data PACKED --run NEW-RUN --minutes 1 --device cpu --training.batch 4 --networks.width 0.0625",
        "train FASTER --data PACKED --run NEW-RUN --steps 1",
        patched("vaegan.begin.FIT_SECONDS", 60.0),
    ),
    *(
        Case(
            "save the images as files or as a .npy file, and pack these with: vaegan prepare SOURCE SET; then pass the folder SET",
            mistake,
            (healed, "SAID --size 16 --workers 1", "train FASTER --data SET --run NEW-RUN"),
            started_by_torchrun,
        )
        for mistake in (given(np.zeros((9, 16, 16, 3), np.uint8)), given(DataLoader(TensorDataset(torch.zeros(9, 3, 16, 16)), 4)))
    ),
    Case("vaegan train --recipe {} --run NEW-RUN", "train --resume RUN RESUMED", "SAID", damage("checkpoints/*")),
    Case("give --steps a larger number, such as --steps {}", "train --resume RUN", "train --resume RUN --device cpu --no-report --steps 4"),
    Case("; its prior is not fitted yet: fit it with: vaegan fit-prior {}", "train --resume RUN", "SAID", without_prior),
    Case(
        "leave out --minutes, or give --steps",
        "train --resume RUN --minutes 1",
        "train --resume RUN --device cpu --no-report --steps 4",
    ),
    Case(
        "choose another --run, or ",
        busy("train TINY --data PACKED --run RUN --auto-resume"),
        ("train --resume RUN RESUMED", "train TINY --data PACKED --run NEW-RUN"),
    ),
    Case(
        "if the images have moved, say where they are with --data",
        "train --resume RUN RESUMED",
        "train --resume RUN RESUMED --data PACKED",
        moved,
    ),
    Case(
        "train a new run with a lower --optimizer.lr",
        f"{NOT_FINITE} stop --training.checkpoint_every 9",
        (healed, "train TINY --data PACKED --run NEW-RUN --auto-resume --optimizer.lr 1e-4"),
        not_finite(9),
    ),
    Case(
        ("continue from there with a lower learning rate, with: {} --on-nan rollback", "vaegan train --resume {}"),
        f"{NOT_FINITE} stop --training.checkpoint_every 1",
        (healed, "SAID --steps 3 --no-report"),
        not_finite(1),
    ),
    Case(
        ("(--training.rollbacks allows no more)", "{}, {}; {}: train a new run with a lower --optimizer.lr"),
        f"{NOT_FINITE} rollback --training.rollbacks 1 --training.checkpoint_every 1",
        (healed, "train TINY --data PACKED --run OUT --optimizer.lr 1e-4"),
        not_finite(9),
    ),
    Case(
        tuple(one for sign in SIGNS.values() for one in sign.advice),
        warnings,
        "train TINY --recipe quick-larsen --data PACKED --run NEW-RUN --optimizer.lr 1e-4 --optimizer.lr_factors 1 0.5 2 --gate.margin 0.5"
        " --gate.enabled --objective.kl_weight 0.1 --objective.gamma 0.5 --training.batch 16",
    ),
    Case(
        "there is no {} device on this machine: leave out --device to use a device that this machine has",
        "fit-prior RUN --device mps",
        "fit-prior RUN",
    ),
    Case(
        "training on mps works with one process only: leave out --processes",
        "train TINY --device mps --processes 2",
        (healed, "train TINY --data PACKED --run NEW-RUN"),
        patched("torch.backends.mps.is_available", lambda: True),
    ),
    Case(
        "several processes need Linux or macOS: leave out --processes",
        "train TINY --data PACKED --run NEW-RUN --processes 2",
        (healed, "train TINY --data PACKED --run NEW-RUN"),
        patched("vaegan.training.launcher.sys", SimpleNamespace(platform="win32")),
    ),
    Case("--{} must be at least 1, not {}", "train --processes 0", "train FASTER --data PACKED --run NEW-RUN --processes 1"),
    Case(
        "give --device and --precision to vaegan instead",
        "train TINY --data PACKED --run NEW-RUN",
        (healed, "train FASTER --data PACKED --run NEW-RUN --device cpu --precision 32"),
        started_by_fabric,
    ),
    Case(
        "leave {} out of training.loggers, or install it with: pip install {}",
        "train FASTER --data PACKED --run NEW-RUN --training.loggers csv wandb",
        (healed, "train FASTER --data PACKED --run NEW-RUN --training.loggers csv"),
        patched("vaegan.training.loggers.registry.find_spec", lambda _: None),
    ),
    Case(
        "if you only added images, add --more-images; if not, train a new run on them",
        "train --resume RUN RESUMED --data OUT",
        "train --resume RUN RESUMED --data OUT --more-images",
        one_more,
    ),
    Case(
        "--more-images needs --resume: leave out --more-images, or give the run with --resume RUN",
        "train --more-images --data OUT",
        "train --resume RUN RESUMED --data OUT --more-images",
        one_more,
    ),
    Case(
        "train a new run from the weights of this run, with: vaegan train --data IMAGES --init-from {}",
        "train --resume RUN RESUMED --data OUT --more-images",
        (healed, "SAID TINY --size 16 --run NEW-RUN"),
        both(one_more, patched("vaegan.begin.find_packed", lambda *_: None)),
    ),
    Case(
        (
            "vaegan train --data {} --init-from {}",
            "{}; --more-images needs all images of the run: add the missing ones again, or train a new run with: {}",
        ),
        "train --resume RUN RESUMED --data OUT --more-images",
        "SAID TINY --run NEW-RUN",
        one_less,
    ),
    Case(
        "{}; --more-images needs all images of the run as they were: restore them, or train a new run with: {}",
        "train --resume RUN RESUMED --data OUT --more-images",
        "SAID TINY --run NEW-RUN",
        one_other,
    ),
    Case(
        "vaegan train --data IMAGES --init-from {}",
        "train --resume RUN RESUMED",
        (healed, "SAID TINY --size 16 --run NEW-RUN"),
        patched("vaegan.training.checkpoint.FORMAT", 0),
    ),
    # before a run, and after it
    Case(
        "choose another --run, a smaller --training.keep, or a larger --training.picture_every, or free some space",
        lambda w: print(*dry_run(tiny(data__source=str(w["PACKED"])), w["NEW-RUN"], device="cpu").problems),
        (healed, "train TINY --data PACKED --run NEW-RUN --training.keep 1 --training.picture_every 9"),
        patched("vaegan.plan.free_space", lambda _: 50_000),
    ),
    Case(
        "are free on the disk of {}: choose another --run, or free some space",
        "train TINY --data PACKED --run NEW-RUN",
        (healed, "train TINY --data PACKED --run OUT"),
        patched("vaegan.training.memory.free_space", lambda _: 5),
    ),
    Case("vaegan compare {}", page_of_a_comparison, "SAID --out again.html"),
    Case("Evaluate them with: vaegan evaluate RUN", "compare RUN GAN --out page.html", f"evaluate RUN --resamplings 2 {ONE}"),
]

test_the_advice_works = follow(CASES)
