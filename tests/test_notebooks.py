"""The notebooks run from top to bottom, with tiny settings, and are kept without what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .tiny import TINY

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MOST_WORDS, MOST_LINES = 500, 130
"""What can be read in five minutes."""


def cells(notebook: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_short_and_stripped(notebook: Path) -> None:
    words = sum(len(text(cell).split()) for cell in cells(notebook, "markdown"))
    lines = sum(bool(line.strip()) for cell in cells(notebook, "code") for line in text(cell).splitlines())
    assert words <= MOST_WORDS
    assert lines <= MOST_LINES
    for cell in cells(notebook, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert [cell["metadata"].get("tags") for cell in cells(notebook, "code")].index(["parameters"]) == 0


def test_all_are_here() -> None:
    assert [notebook.stem for notebook in NOTEBOOKS] == list(PARAMETERS)


PARAMETERS: dict[str, dict[str, Any]] = {
    "odd-ones-out": {"MODEL": "run"},  # a copy of one of the tests' runs
    "own-images": {"IMAGES": "photos", "SETTINGS": {**TINY, "data.held_out": 0.5}},
    "own-loop": {"COUNT": 64, "STEPS": 2, "BATCH": 8},
}
"""What makes each notebook tiny."""


def run(notebook: Path, folder: Path) -> str:
    """Run a notebook in a folder, as Jupyter does, and return what its cells show as text."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: see the extra notebooks")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: see the extra notebooks")
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    nbformat.validate(book)
    at = next(place for place, cell in enumerate(book.cells) if cell.cell_type == "code")
    settings = "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS[notebook.stem].items())
    names = {line.split(" = ")[0] for line in book.cells[at].source.splitlines()}
    assert names >= set(PARAMETERS[notebook.stem])
    book.cells.insert(at + 1, nbformat.v4.new_code_cell(f"{settings}\nimport torch\n\ntorch.set_num_threads(1)"))
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output["text"] if "text" in output else output["data"]["text/plain"] for output in outputs)


@pytest.mark.heavy  # each starts a process that imports torch
def test_own_images(photos: Path, tmp_path: Path) -> None:
    shown = run(NOTEBOOKS[1], photos.parent)
    assert "20 to train on, 20 held out" in shown
    assert "direction-1" in shown  # there is no table of attributes
    assert (tmp_path / "runs/notebook/report.html").is_file()
    assert (tmp_path / "runs/notebook/studio.html").is_file()


@pytest.mark.heavy
def test_own_loop(tmp_path: Path) -> None:
    shown = run(NOTEBOOKS[2], tmp_path)
    assert "step 0: prior" in shown


@pytest.mark.heavy
def test_odd_ones_out(trained_on_avatars: Path, tmp_path: Path) -> None:
    assert trained_on_avatars.parent == tmp_path
    shown = run(NOTEBOOKS[0], tmp_path)
    assert "upside down: " in shown
    assert "images have p <=" in shown
