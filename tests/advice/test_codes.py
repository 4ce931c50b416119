"""Advice on codes, attributes, search and score."""

from __future__ import annotations

from vaegan.latent.directions import Directions

from ..command import works
from .case import Case, follow
from .steps import (
    both,
    change,
    from_two_folders,
    healed,
    learned,
    on_plain_photos,
    patched,
    two_folders,
    without_directions,
    without_held_out,
    without_prior,
)

CASES = [
    # codes and attributes
    Case("Use them: vaegan edit {} IMAGE --add {}", "attributes RUN", "SAID"),
    Case(
        "vaegan attributes {} --data SET",
        "edit MODEL PHOTO --add Round=1",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID", "edit MODEL PHOTO --add Round=1"),
    ),
    Case(
        "add some with: vaegan prepare IMAGES SET --attributes TABLE.csv {}",
        "attributes RUN --data PHOTOS",
        ("SAID --workers 1", "attributes RUN --data SET"),
    ),
    Case(
        "then learn them with: {}",
        "attributes RUN --data PHOTOS",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID"),
    ),
    Case(
        "vaegan attributes RUN --data SET",
        "attributes RUN --data PHOTOS",
        ("prepare PHOTOS SET --attributes TABLE.csv --size 16 --workers 1", "SAID"),
    ),
    Case(
        "vaegan attributes {} --with IMAGES --without IMAGES --name NAME",
        "attributes RUN",
        (from_two_folders, "edit RUN PHOTO --add NAME=1"),
        on_plain_photos,
    ),
    Case(
        "and there is no fitted prior to find principal directions in: fit the prior with: vaegan fit-prior {}",
        "attributes RUN",
        ("SAID --device cpu", "attributes RUN"),
        both(on_plain_photos, without_prior),
    ),
    Case(
        "vaegan attributes {} --with {} --without {} --name {}",
        "edit RUN PHOTO --add Mine=1",
        ("SAID", "edit RUN PHOTO --add Mine=1"),
        learned("--with ONE --without OTHER --name Mine"),
    ),
    Case(
        "vaegan attributes {} --with {} --without {} --name {}",
        "attributes RUN",
        ("SAID", "edit RUN PHOTO --add Mine=1"),
        learned("--with ONE --without OTHER --name Mine"),
    ),
    Case("vaegan attributes {} --data {}", "edit RUN PHOTO --add Round=1", ("SAID", "edit RUN PHOTO --add Round=1"), learned("--data SET")),
    Case(
        "vaegan attributes {} --data {}",
        "attributes RUN --with ONE --without OTHER --name Mine",
        ("SAID", "edit RUN PHOTO --add Mine=1 Round=1"),
        learned("--data SET"),
    ),
    Case(
        ("vaegan attributes {} --with IMAGES --without IMAGES --name {}", "vaegan edit {} IMAGE --add direction-1"),
        "edit RUN PHOTO --add Mine=1",
        "SAID",
        on_plain_photos,
    ),
    Case(
        "vaegan attributes {} --with IMAGES --without IMAGES --name {}",
        "edit RUN PHOTO --add Mine=1",
        (from_two_folders, "edit RUN PHOTO --add Mine=1"),
        on_plain_photos,
    ),
    Case(
        'the run has an attribute named "{}" already: choose another --name',
        "attributes RUN --with ONE --without OTHER --name Round",
        "attributes RUN --with ONE --without OTHER --name Mine",
        both(two_folders, lambda w: works("attributes", w["RUN"])),
    ),
    Case(
        '--name cannot be "{}": a name must not begin with "-"',
        "attributes RUN --with ONE --without OTHER --name direction-1",
        "attributes RUN --with ONE --without OTHER --name Mine",
        two_folders,
    ),
    Case(
        "--name is empty: give the attribute a name with --name",
        "attributes RUN --with ONE --without OTHER --name ''",
        "attributes RUN --with ONE --without OTHER --name Mine",
        two_folders,
    ),
    Case(
        "--data and --with were both given: leave out one",
        "attributes RUN --data SET --with ONE --without OTHER --name Mine",
        "attributes RUN --with ONE --without OTHER --name Mine",
        two_folders,
    ),
    Case(
        "{} does not exist: learn the attributes with: vaegan attributes {}",
        lambda w: Directions.load(w["RUN"] / "attributes.safetensors"),
        "SAID",
    ),
    Case(
        "remove it, then learn the attributes again with: vaegan attributes {}",
        "edit RUN PHOTO --add Round=1",
        (without_directions, "SAID", "edit RUN PHOTO --add Round=1"),
        lambda w: (w["RUN"] / "attributes.safetensors").write_bytes(b"damaged"),
    ),
    Case(
        "remove it, then learn the attributes again with: vaegan attributes {}",
        "edit RUN PHOTO --add Round=1",
        (without_directions, healed, "SAID", "edit RUN PHOTO --add Round=1"),
        both(lambda w: works("attributes", w["RUN"]), patched("vaegan.latent.directions.FORMAT", 0)),
    ),
    Case(
        "--strip shows one attribute, not {}: give only one",
        "edit RUN PHOTO --add Round=1 Square=1 --strip",
        "edit RUN PHOTO --add Round=1 --strip",
    ),
    Case(
        "--project must be at least 0, not {}",
        "edit RUN PHOTO --add Round=1 --project -1",
        "edit RUN PHOTO --add Round=1 --project 1",
    ),
    Case(
        "RUN IMAGES --add NAME=STRENGTH... [OPTIONS]",
        lambda _: works("edit", "--help"),
        "edit RUN PHOTO --add Round=1 direction-1=2 --how mean",
    ),
    Case('--add "{}" was given twice: leave out one', "edit RUN PHOTO --add Round=1 Round=2", "edit RUN PHOTO --add Round=1"),
    Case("--add must be NAME=NUMBER, such as Eyeglasses=1", "edit RUN PHOTO --add Round=much", "edit RUN PHOTO --add Round=1"),
    Case("give --out a name that ends in .npz", "encode RUN PACKED --out codes.txt", "encode RUN PACKED --out codes.npz"),
    Case("--steps must be above 0, not {}", "project RUN PHOTO --steps 0", "project RUN PHOTO --steps 1"),
    Case("--lr must be a finite number above 0, not {}", "project RUN PHOTO --lr 0", "project RUN PHOTO --lr 0.1 --steps 1"),
    Case(
        "--kl-weight must be a finite number of at least 0, not {}",
        "project RUN PHOTO --kl-weight -1",
        "project RUN PHOTO --kl-weight 0 --steps 1",
    ),
    # search and score
    Case("search needs images: give image files, or draw samples with --samples 8", "search RUN", "search RUN --samples 8"),
    Case("images and --samples were both given: leave out one", "search RUN PHOTO --samples 8", "search RUN --samples 8"),
    Case("leave out --in", "search RUN --samples 8 --in PACKED", "search RUN --samples 8"),
    Case(
        "--samples needs the training images, and a model folder does not say where they are: give the run folder",
        "search MODEL --samples 8",
        "search RUN --samples 8",
    ),
    Case("compare images with --by similarity", "search GAN --samples 8", "search GAN --samples 8 --by similarity"),
    Case(
        "add --csv FILE to get the neighbours of all {}",
        "search RUN PHOTOS PHOTOS --count 1",
        "search RUN PHOTOS PHOTOS --count 1 --csv near.csv",
    ),
    Case("so no image counts as unusual at --false-positive-rate {}", "score RUN PHOTO", "score RUN PHOTO --false-positive-rate 0.1"),
    Case(
        "--false-positive-rate must be above 0 and below 1, not {}",
        "score RUN PHOTO --false-positive-rate 0",
        "score RUN PHOTO --false-positive-rate 0.1",
    ),
    Case(
        "the run has no held-out images to calibrate on: give a folder of normal images with --calibrate FOLDER",
        "score RUN PHOTO",
        "score RUN PHOTO --calibrate PHOTOS",
        without_held_out,
    ),
    Case(
        '--with and --without give the same images: for --without, choose images that do not have "{}"',
        "attributes RUN --with ONE --without ONE --name Mine",
        "attributes RUN --with ONE --without OTHER --name Mine",
        two_folders,
    ),
    Case(
        "vaegan score {} IMAGES --calibrate SET",
        "score RUN PHOTO",
        "score RUN PHOTO --calibrate PHOTOS",
        lambda w: change(w, "held_out: 0.5", "held_out: 0.1"),
    ),
    Case(
        "remove this file, or calibrate again with: vaegan score {} IMAGES --calibrate SET",
        "studio RUN --score",
        ("score RUN IMAGES --calibrate PHOTOS", "studio RUN --score"),
        lambda w: (w["RUN"] / "score.safetensors").write_bytes(b"damaged"),
    ),
]

test_the_advice_works = follow(CASES)
