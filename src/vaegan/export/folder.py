"""Writing the folder of an export: each file is checked against the model as soon as it is written."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.table import Table

from ..errors import UserError
from ..files import PARTIAL, replacing
from ..models.vaegan import VAEGAN
from ..progress import Progress
from ..report.page import templates
from ..result import Result
from ..run import Run
from ..studio.weights import Precision
from .about import Learned, describe, model_json
from .check import Part, Reference, differences
from .graph import Graph
from .networks import GraphMaker

NEEDED = ("onnx", "onnxruntime")
MOST = 1e-3
"""The largest difference, as a part of values above 1, that rounding explains in float32."""
PT2 = ("encoder", "decoder", "reconstruct")
MODEL, EXAMPLE = "model.json", "example.py"


@dataclass(frozen=True)
class ExportedFile:
    """A file of an export."""

    name: str
    bytes: int
    inputs: list[str]
    outputs: list[str]
    differences: dict[str, float]
    """For each output, how far it is from what the model computes: the largest |difference| / max(1, |value|)."""

    @property
    def largest(self) -> float:
        """The largest of these."""
        return max(self.differences.values())


@dataclass(frozen=True, repr=False)
class ExportedModel(Result):
    """A model as files that run without torch and without this package."""

    folder: Path
    """The folder of the files."""
    precision: Precision
    """How the weights are stored: float32, float16 or int8."""
    rows: list[ExportedFile]
    """For each ONNX file: name, bytes, inputs, outputs, and differences: for each output, how far it is from what the model computes, as
    the largest |difference| / max(1, |value|)."""
    notes: list[str]
    """What is missing, and why."""

    def table(self) -> Table:
        """Each file, and how exact it is."""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for name, justify in (("file", "left"), ("MB", "right"), ("inputs", "left"), ("outputs", "left"), ("difference", "right")):
            table.add_column(name, justify=justify)  # type: ignore[arg-type]
        for row in self.rows:
            table.add_row(row.name, f"{row.bytes / 1e6:.2f}", ", ".join(row.inputs), ", ".join(row.outputs), f"{row.largest:.1e}")
        return table

    def lines(self) -> list[str]:
        """How to read the table, and where the files are."""
        return [
            f"weights in {self.precision}; difference: the largest difference from the model, absolute for values up to 1, "
            "relative for larger ones",
            f"wrote {self.folder}; {EXAMPLE} in it shows how to use the files",
        ]


def write_export(
    opened: Run,
    out: str | Path | None = None,
    *,
    precision: Precision = "float32",
    pt2: bool = False,
    progress: Progress = lambda *_: None,
) -> ExportedModel:
    """Write a model as ONNX files, with what they need to be used.

    Args:
        opened: the run, the model folder, or a model in memory.
        out: the folder to make; RUN/export by default.
        precision: how the networks' weights are stored. All files take, compute and give float32.
        pt2: whether to write encoder, decoder and reconstruct as programs of torch.export, too.
        progress: called as the work goes on.

    Raises:
        UserError: a package is missing; the folder exists; or there is no model, or it has an operation that is not known.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise UserError(f'vaegan export needs the package {package}: install it with: pip install "vaegan[export]"')
    folder = opened.export_folder if out is None else Path(out)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = "a file" if folder.is_file() else "an export" if (folder / MODEL).is_file() else min(path.name for path in folder.iterdir())
        raise UserError(f"{folder} exists already: it {'is' if folder.is_file() else 'holds'} {what}; choose another --out")
    model = opened.model()
    if model.device.type != "cpu" or model.dtype != torch.float32:  # one in memory may be anything
        model = copy.deepcopy(model).to("cpu", torch.float32)
    learned = Learned.of(opened, model, progress)
    maker, reference = (
        GraphMaker(model, learned.scorer, learned.directions, precision),
        Reference(model, learned.scorer, learned.directions),
    )
    notes = [*_left_out(model), *learned.notes]
    about, rows, graphs = describe(opened, model, precision), list[ExportedFile](), dict[str, Graph]()
    with _made_whole(folder) as partial:
        for number, (name, make) in enumerate(maker.graphs.items()):
            graph, path = make(), partial / f"{name}.onnx"
            with replacing(path) as file:
                file.write_bytes(graph.model(name, about).SerializeToString(deterministic=True))
            off = differences(path, reference)
            if precision == "float32" and name != "score" and max(off.values()) > MOST:
                raise RuntimeError(f"{path.name} does not give the same values as the model: they differ by up to {max(off.values()):.2g}")
            graphs[path.name] = graph
            rows.append(ExportedFile(path.name, path.stat().st_size, [*graph.inputs], [*graph.outputs], off))
            if pt2 and name in PT2:
                _write_pt2(model, name, reference, partial / f"{name}.pt2")
            progress("exporting", number + 1, len(maker.graphs))
        (partial / MODEL).write_text(json.dumps(model_json(about, model, graphs, learned)) + "\n", encoding="utf-8")
        (partial / EXAMPLE).write_text(_example(model, learned, [*maker.graphs]), encoding="utf-8")
    return ExportedModel(folder, precision, rows, notes)


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Yields a folder to write to; it takes its place once it is whole."""
    folder = folder.absolute()  # . has no name
    partial = folder.with_name(folder.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():  # it is empty, and may be the current one
            for path in partial.iterdir():
                path.replace(folder / path.name)
        else:
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _left_out(model: VAEGAN) -> list[str]:
    """What a model without one of its networks lacks."""
    if "encoder" in model.untrained:
        return ["the model has no encoder, so encoder.onnx, reconstruct.onnx and score.onnx are not written"]
    return ["the model has no trained discriminator, so score.onnx is not written"] if "discriminator" in model.untrained else []


def _write_pt2(model: VAEGAN, name: str, reference: Reference, path: Path) -> None:
    """Write a program of torch.export that takes any number of images."""
    first = "codes" if name == "decoder" else "images"
    inputs = tuple(torch.from_numpy(reference.inputs[one]) for one in (first, "attributes") if one in reference.inputs)
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        exported = torch.export.export(Part(model, name).eval(), inputs, dynamic_shapes=tuple({0: batch} for _ in inputs), strict=False)
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names the folders of this machine
    torch.export.save(exported, path)


def _example(model: VAEGAN, learned: Learned, names: list[str]) -> str:
    """example.py for this model."""
    return (
        templates("vaegan.export")
        .get_template("example.py.jinja")
        .render(
            conditional=model.conditional,
            **{name: name in names for name in ("prior", "encoder", "edit", "score")},
            calibrated=learned.scorer is not None,
        )
    )
