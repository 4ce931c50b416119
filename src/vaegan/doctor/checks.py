"""What the doctor looks for on single pictures: a title, what it means, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """What is looked for."""

    title: str
    about: str
    """What was found, and what comes of it."""
    way_out: str
    """What to do."""


COPY_KINDS = ("exact copy", "near copy", "mirrored copy")
MARKED = "The list marks the copies."
LIST = "To leave out some of them, write 1 into the column leave_out of the list."
CHECKS = {
    "leak": Check(
        "In training and held out",
        "Training images that are copies of held-out images. Results look better than they are.",
        "In the list, leave_out is 1 for the training images.",
    ),
    "exact copy": Check("Exact copies", "Files with the same bytes, or images with the same pixels.", MARKED),
    "near copy": Check("Near copies", "The same picture, resized or compressed again.", MARKED),
    "mirrored copy": Check("Mirrored copies", "The same picture, mirrored, and perhaps resized or compressed again.", MARKED),
    "broken": Check("Broken files", "Training skips these files.", "Replace them, or delete them."),
    "blank": Check("Blank images", "Images of one colour.", "The list marks them."),
    "border": Check(
        "Uniform borders",
        "Images that still have a bar of one colour along a side after cropping. The model learns to draw such bars.",
        f"If all images have the same bars, crop to the part between the bars, with a crop box. {LIST}",
    ),
    "odd size": Check(
        "Odd sizes",
        "Pictures that are cropped or squeezed a lot, or that have a size that few others have.",
        f"Check that nothing important is cut off or distorted. {LIST}",
    ),
    "small": Check(
        "Small pictures",
        "Pictures with fewer pixels than the networks take. They are enlarged, and the model learns to draw blurred images.",
        f"Train at a smaller size. {LIST}",
    ),
    "tiny file": Check(
        "Tiny files", "Files with very few bytes per pixel: placeholders, drawings, or pictures that were compressed too much.", LIST
    ),
    "no colour": Check(
        "Grey among coloured images", "Images without colour in a set of coloured images. The model learns to draw grey images, too.", LIST
    ),
    "colour cast": Check("Colour casts", "Images with a tint of one colour, for example yellow, that most other images do not have.", LIST),
    "low contrast": Check("Low contrast", "Images whose values fill a small part of the range.", LIST),
}
"""In the order of their weight. A leak is a copy that is listed once more."""
