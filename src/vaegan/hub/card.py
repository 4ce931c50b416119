"""The model card: the page that the hub shows of a model, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import yaml

FILE = "README.md"
PICTURE = "samples.png"
TAGS = ["autoencoder", "image-generation", "vae-gan", "vaegan"]


@dataclass(frozen=True)
class Table:
    """A part of the card."""

    title: str
    about: str
    """A sentence above it."""
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def card(repository: str, lead: str, tables: Iterable[Table] = (), *, license: str | None = None, samples: str = "") -> str:  # noqa: A002 (the hub's name)
    """The text of the card.

    Args:
        repository: USER/NAME.
        lead: what the model is, in a sentence.
        tables: what is known of it.
        license: of the model, as the hub names licenses, such as mit; None if nobody said.
        samples: what the picture shows, in words; empty if there is none.
    """
    header = {"library_name": "vaegan", **({"license": license} if license else {}), "pipeline_tag": "unconditional-image-generation"}
    parts = [
        f"---\n{yaml.safe_dump({**header, 'tags': TAGS}, sort_keys=False)}---",
        f"# {repository.rpartition('/')[2]}",
        lead,
        f"![{samples}]({PICTURE})\n\n*{samples}*" if samples else "",
        "" if license else "The license of this model is not stated. Ask the author before you use it.",
        _USE.format(repository=repository),
        *(f"## {table.title}\n\n{table.about}\n\n{_markdown(table)}".replace("\n\n\n\n", "\n\n") for table in tables if table.rows),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


_USE = """## How to use it

```python
import vaegan  # pip install vaegan huggingface_hub

model = vaegan.load("hf:{repository}")
samples = model.sample(16)  # N x C x H x W in [-1, 1]
reconstructions = model.reconstruct("photo.png")
```

On the command line, `vaegan sample hf:{repository}` and every other command that takes a run take this name, too. The files are
safetensors, JSON and YAML: loading them runs no code."""


def _markdown(table: Table) -> str:
    """A table in Markdown."""
    lines = [table.heads, ["---", *["---:"] * (len(table.heads) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
