"""Sources that are none."""

from __future__ import annotations

import pytest

from .place import NO_ARCHIVE, NO_IMAGES, Place, write

KINDS = ("celeba", "lfw", "stl10", "cifar10", "cifar100", "mnist", "classes")
BAD_SOURCES: dict[str, tuple[str, str]] = {
    "does not exist": ("{root}/nowhere", "/nowhere does not exist"),
    "a name that is too long": ("x" * 300, "x" * 300),
    "a name of two lines": ("{root}/no\nwhere", "does not exist"),
    "no name": ("", "the name of the images is empty: give a folder, or avatars,"),
    "the folder of nobody": ("~nobody-of-this-name/photos", "~nobody-of-this-name"),
    "the celeba of nobody": ("celeba:~nobody-of-this-name/photos", "~nobody-of-this-name"),
    "a folder without images": ("{root}/here", f"{NO_IMAGES} {{root}}/here or its subfolders: vaegan reads "),
    "a kind with a slip": ("celebaa:{root}/photos", "does not exist, and there is no kind of images named celebaa. Did you mean celeba?"),
    "an unknown kind": ("imagenet:{root}/photos", ": there are celeba, lfw, stl10, cifar10, cifar100, mnist, classes, hf, hf-stream"),
    "a kind in capitals": ("CelebA:{root}/photos", "there is no kind of images named CelebA"),
    "an address": ("https://example.org/photos.zip", "there is no kind of images named https"),
    "another drive": ("Q:\\photos", "Q:\\photos does not exist"),
    "avatars, nearly": ("avatar", "avatar does not exist"),
    **{f"{kind} without a path": (f"{kind}:", f'"{kind}:" has no folder after it: give one, as in {kind}:FOLDER') for kind in KINDS},
    **{f"{kind} of a missing path": (f"{kind}:{{root}}/gone", "{root}/gone does not exist") for kind in KINDS},
    "celeba of photos": ("celeba:{root}/photos", "{root}/photos is not CelebA: it has no img_align_celeba, neither as"),
    "stl10 of photos": ("stl10:{root}/photos", "{root}/photos is not the binary version of STL-10: it has no train_X.bin"),
    "cifar10 of photos": ("cifar10:{root}/photos", "{root}/photos is not the binary version of CIFAR-10: it has no data_batch_1.bin"),
    "cifar100 of photos": ("cifar100:{root}/photos", "{root}/photos is not the binary version of CIFAR-100: it has no train.bin"),
    "mnist of photos": ("mnist:{root}/photos", "{root}/photos is not a set in the format of MNIST: it has no file such as train-images"),
    "lfw of a folder without images": ("lfw:{root}/here", f"{NO_IMAGES} {{root}}/here"),
    "classes of a folder without images": ("classes:{root}/here", f"{NO_IMAGES} {{root}}/here"),
    "classes without folders": ("classes:{root}/photos", "the images in {root}/photos are not in folders of classes"),
    "celeba of a file": ("celeba:{root}/photos/a.png", "a.png is not CelebA: it has no img_align_celeba"),
    "stl10 of a file": ("stl10:{root}/photos/a.png", "a file; unpack it first"),
    "cifar10 of a file": ("cifar10:{root}/photos/a.png", "a file; unpack it first"),
    "mnist of a file": ("mnist:{root}/photos/a.png", "a.png is not a set in the format of MNIST"),
    "classes of a file": ("classes:{root}/photos/a.png", NO_ARCHIVE),
}  # fmt: skip


@pytest.mark.parametrize(("source", "words"), BAD_SOURCES.values(), ids=BAD_SOURCES.keys())
def test_a_bad_source_is_refused(source: str, words: str, place: Place) -> None:
    source, words = (text.replace("{root}", str(place.root)) for text in (source, words))
    place.refuses(source, place.out, "--workers", 1, words=words)


def test_a_packed_set_as_a_source(place: Place) -> None:
    place.packs()
    words = f"{place.out} is a packed set already: train on it with: vaegan train --data {place.out}"
    place.refuses(place.out, place.root / "again", words=words)


def test_the_pictures_of_a_run_as_a_source(place: Place) -> None:
    write(place.photos, {"recipe.yaml": "", "stats.jsonl": ""})
    place.refuses_photos(words=f"{place.photos} is a run, not a folder of image files")
