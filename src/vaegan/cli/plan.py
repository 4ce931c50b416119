"""What `vaegan train --dry-run` shows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from ..errors import UserError
from ..words import duration, in_bytes
from .console import out

if TYPE_CHECKING:
    from ..plan import Plan


def show(plan: Plan, *, json: bool) -> None:
    """Print a plan, and exit with the code of a user's error if training would refuse it."""
    if json:
        from json import dumps

        print(dumps(plan.as_json(), indent=2))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in rows(plan):
            table.add_row(name, Text(text))
        out.print(table)
        for note in plan.notes:
            out.print(f"note: {note}", soft_wrap=True, markup=False)
        if not plan.problems:
            out.print("\nNothing was trained. To train, leave out --dry-run.", markup=False)
    for problem in plan.problems:
        print("vaegan:", *problem.splitlines(), file=sys.stderr)
    if plan.problems:
        raise SystemExit(UserError.exit_code)


def rows(plan: Plan) -> list[tuple[str, str]]:
    """What is known of a run, under names."""
    recipe, training = plan.recipe, plan.recipe.training
    height, width = recipe.networks.size
    found = [("run", f"{plan.run}, from step {plan.begun:,}" if plan.begun else str(plan.run))]
    shape = f"{height}x{width}, {recipe.networks.channels} channel{'s' * (recipe.networks.channels > 1)}"
    if plan.training is not None:
        found += [
            ("images", f"{plan.training:,} to train on, {plan.held_out or 0:,} held out; {shape}"),
            ("packed images", f"{plan.packed} (they stay there)"),
        ]
    else:
        found.append(("images", f"{recipe.data.source or 'none'}; {shape}"))
    if plan.networks:
        together = f"{plan.parameters:,} parameters: "
        found.append(("networks", together + ", ".join(f"{name} {count:,}" for name, count in plan.networks.items())))
    batch = training.batch * plan.processes
    if plan.steps is None:
        found.append(("length", f"{training.length}, {batch:,} images a step"))
    else:
        epochs = f", {plan.images / batch / plan.steps_per_epoch:,.3g} epochs" if plan.steps_per_epoch and plan.images is not None else ""
        found.append(("length", f"{max(0, plan.steps - plan.begun):,} steps of {batch:,} images: {plan.images:,} images{epochs}"))
    where = {"cuda": "a GPU", "mps": "the GPU"}.get(plan.device or "", "the CPU")
    where = f"{plan.processes} processes, each on {where}" if plan.processes > 1 else where
    if plan.costs and plan.seconds is not None:
        alone = ", measured with one process" if plan.processes > 1 else ""
        each = f"a step {plan.costs.step:.2g} s, a picture {plan.costs.picture:.2g} s, a checkpoint {plan.costs.save:.2g} s{alone}"
        found.append(("time", f"about {duration(plan.seconds)} on {where}: {each}"))
    if plan.memory is not None:
        found.append(("memory", f"at least {in_bytes(plan.memory)}{_free(plan.free_memory)}"))
    if plan.disk:
        parts = ", ".join(f"{name} {in_bytes(count)}" for name, count in plan.disk._asdict().items())
        found.append(("disk", f"about {in_bytes(plan.disk.total)}{_free(plan.free_disk)}: {parts}"))
    return found


def _free(count: int | None) -> str:
    return "" if count is None else f" ({in_bytes(count)} are free)"
