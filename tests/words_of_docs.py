"""Count the words and the sentences of the documentation: python -m tests.words_of_docs [PAGE ...].

It counts what a reader reads. Blocks of code, link targets, pictures and HTML do not count; a piece of inline code is one word.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COUNTED = ("Home", "Start", "Guides", "Understand", "Trouble")
"""The parts of the site whose words count together. Reference and results do not."""
GENERATED = ("api.md", "commands.md", "json.md", "settings.md")
"""Pages that are made from the code."""
ABBREVIATIONS = r"(?<!\be\.g)(?<!\bi\.e)(?<!\bal)(?<!\bvs)"


class Sentence(NamedTuple):
    """A sentence of a page."""

    text: str
    words: int
    is_prose: bool
    """Whether it is in a paragraph or a list, not in a heading or a table."""


def navigation() -> dict[str, list[str]]:
    """The pages of each part of the site, from mkdocs.yml."""
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader=_Loose)
    parts: dict[str, list[str]] = {}
    for part in config["nav"]:
        for name, pages in part.items():
            parts[name] = [pages] if isinstance(pages, str) else [page for entry in pages for page in entry.values()]
    return parts


def pages() -> list[Path]:
    """The pages that people wrote: those of the site, and the two beside it."""
    written = [DOCS / page for part in navigation().values() for page in part if page not in GENERATED and (DOCS / page).is_file()]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *written]


def counted_pages() -> list[Path]:
    """The pages whose words count together."""
    return [DOCS / page for part, pages in navigation().items() if part in COUNTED for page in pages]


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a page in Markdown."""
    for block, is_prose in _blocks(text):
        for sentence in re.split(rf"{ABBREVIATIONS}[.!?][)\"*_]*(?=\s|$)", _plain(block)):
            if words := _words(sentence):
                yield Sentence(sentence.strip(), words, is_prose)


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """Paragraphs, headings, items of lists and cells of tables; whether they are paragraphs or items."""
    text = re.sub(r"^( *)```.*?^\1```", "\n", text, flags=re.MULTILINE | re.DOTALL)
    paragraph: list[str] = []
    after_blank = True
    for line in [*text.splitlines(), ""]:
        is_code = line.startswith("    ") and after_blank and not paragraph
        starts = not line.strip() or is_code or re.match(r" *(\||#|[-*] |\d+\. |!!!|\?\?\?)", line)
        if starts and paragraph:
            yield " ".join(paragraph), True
            paragraph = []
        if is_code:
            continue
        after_blank = not line.strip()
        if line.startswith("|"):
            if not re.fullmatch(r"[|\s:-]+", line):
                yield from ((cell, False) for cell in re.split(r"(?<!\\)\|", line) if cell.strip())
        elif line.startswith("#"):
            yield line.lstrip("# "), False
        elif line.strip() and not line.lstrip().startswith(":::"):
            paragraph.append(re.sub(r"^ *([-*]|\d+\.|!!! \w+|\?\?\? \w+) ", "", line).strip())


def _plain(text: str) -> str:
    """A text without what readers do not see."""
    text = re.sub(r"!\[([^]]*)\]\([^)]*\)", " ", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]+`", "CODE", text)
    return re.sub(r"<[^>]+>|\*\*", " ", text)


def _words(text: str) -> int:
    """The number of words: pieces with a letter or a digit in them."""
    return len(re.findall(r"\S*\w\S*", text))


class _Loose(yaml.SafeLoader):
    """Reads mkdocs.yml, which may have tags that only mkdocs knows."""


_Loose.add_multi_constructor("", lambda loader, suffix, node: f"{suffix}{node.value}")  # noqa: ARG005


def main(arguments: list[str]) -> None:
    """Print the words of each page, its longest sentences and the sums."""
    chosen = [Path(page).resolve() for page in arguments] or pages()
    counted = set(counted_pages())
    total, lengths = 0, []
    for page in chosen:
        found = list(sentences(page.read_text()))
        words = sum(one.words for one in found)
        prose = [one.words for one in found if one.is_prose]
        print(f"{words:6,}  median {median(prose):4.1f}  longest {max(one.words for one in found):3}  {page.relative_to(ROOT)}")
        for one in found:
            if one.words > 35:
                print(f"        {one.words} words: {one.text}")
        total += words if page in counted else 0
        lengths += prose
    print(f"{total:6,}  in the pages that count; median of all sentences {median(lengths):.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
