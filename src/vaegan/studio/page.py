"""Writing the page: one file, which asks nothing of any other machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ..data import ImageSet
from ..errors import UserError
from ..files import replacing
from ..progress import Progress
from ..report.page import page_file, policy_hash, stylesheet, templates
from ..result import Result
from ..run import Run
from .contents import Contents, gather
from .weights import Precision

HERE = resources.files("vaegan.studio")
PAGE = ("studio.js", "undo.js", "gestures.js", "photo.js", "mix.js", "share.js")
"""What a person does in the page."""
SCRIPTS = ("kernels.js", "engine.js", "latent.js")
"""What runs beside the page, in a worker."""


@dataclass(frozen=True, repr=False)
class StudioPage(Result):
    """A page in which a model runs."""

    files: list[Path]
    """The page."""
    bytes: int
    """Its size."""
    precision: Precision
    """Of the networks' weights in the page."""
    largest: float
    """The largest difference between the page's pictures of some samples and the model's, in levels of 255."""
    mean: float
    """The mean difference."""
    notes: list[str]
    """What the page lacks, and why."""

    def __fspath__(self) -> str:
        return str(self.files[0])

    def lines(self) -> list[str]:
        """How large and how exact it is."""
        differences = f"at most {self.largest:.2g} of 255 levels, and by {self.mean:.2g} on average"
        return [f"{self.bytes / 1e6:.1f} MB, weights in {self.precision}: pixels differ from those of the model by {differences}"]


def write_page(
    opened: Run,
    out: str | Path | None = None,
    *,
    examples: int = 12,
    precision: Precision | None = None,
    score: bool = False,
    images: ImageSet | None = None,
    learn: bool = True,
    most: int | None = None,
    progress: Progress = lambda *_: None,
) -> StudioPage:
    """Write a page in which anyone can play with a model: the networks run in the browser, and nothing is fetched.

    Args:
        opened: the run or model folder.
        out: the file to write; RUN/studio.html by default.
        examples: held-out images that the page begins with, at most; 0 if no image may leave this machine.
        precision: how the networks' weights are stored; by default float16, and int8 for networks of more than 4 million parameters.
        score: whether the page also shows how unusual an image is; this takes the discriminator, too.
        images: the set that the run was trained on, where it is open already; else it is looked for, and the page does without it.
        learn: whether directions of attributes are learned, if the run has none yet.
        most: the most numbers that the networks of the page may have.
        progress: called as the work goes on.

    Raises:
        UserError: there is no model, a page cannot run it, or it is too large.
    """
    path = opened.studio_file if out is None else page_file(Path(out), opened.studio_file.name)
    if examples < 0:
        raise UserError(f"--examples must be 0 or more, not {examples}")
    contents = gather(opened, examples=examples, precision=precision, score=score, images=images, learn=learn, most=most, progress=progress)
    text = render(contents)
    with replacing(path) as file:
        file.write_text(text, encoding="utf-8", errors="xmlcharrefreplace")
    return StudioPage([path], len(text.encode()), contents.precision, contents.largest, contents.mean, contents.notes)


def remote_page(opened: Run, *, examples: int = 12) -> str:
    """The same page for a server that runs the networks; see examples/serve.py.

    The page asks the server for the results of its networks: by POST to `decoder` and to `encoder` beside the page, with the numbers of all
    inputs as float32 (a code or an image, and the standardised attributes of a conditional model). The answer is those of the result.

    Args:
        opened: the run or model folder.
        examples: held-out images that the page begins with, at most.

    Raises:
        UserError: there is no model, or a page cannot show its images.
    """
    return render(gather(opened, examples=examples, remote=True))


def render(contents: Contents) -> str:
    """The page as text. Only the style and the scripts that it comes with may act in it: its policy names their hashes."""
    height, width = contents.about["size"]
    style = stylesheet("vaegan.studio", "studio.css").replace("SHAPE", f"{height / width:.6g}")
    script, worker = ("\n".join((HERE / name).read_text(encoding="utf-8") for name in names) for names in (PAGE, SCRIPTS))
    return (
        templates("vaegan.studio")
        .get_template("studio.html.jinja")
        .render(
            about=contents.about,
            json=json.dumps(contents.about, separators=(",", ":")).replace("</", "<\\/"),
            weights=contents.packed.text(),
            style=style,
            script=script,
            worker=worker,
            style_hash=policy_hash(style),
            script_hash=policy_hash(script),
        )
    )
