"""What mkdocs does beside its own work: see `hooks` in mkdocs.yml.

The pages are written for the place where the repository is hosted, so they link to files outside of docs/. On the site, those that a reader
wants are pages of their own, and a link to any other file becomes its name. The Python reference gets signatures and docstrings.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
BESIDE = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "benchmarks/RESULTS.md": "results.md"}
"""Files outside of docs/ that are pages of the site, and their names there."""
LINK = re.compile(r"(?<!!)\[([^]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside of docs/."""
    for path, name in BESIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 (as mkdocs calls it)
    """Turn links that leave docs/ into links of the site, and complete the Python reference."""
    source = next((path for path, name in BESIDE.items() if name == page.file.src_uri), f"docs/{page.file.src_uri}")

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path in BESIDE:
            return f"[{text}]({BESIDE[path]}{anchor})"
        if path.startswith("docs/"):
            return f"[{text}]({path.removeprefix('docs/')}{anchor})"
        return text if "`" in text else f"{text} (`{path}`)" if text != path else f"`{path}`"

    markdown = LINK.sub(link, markdown)
    markdown = re.sub(r"(!\[[^]]*\]\()docs/", r"\1", markdown) if source in BESIDE else markdown
    return _documented(markdown) if page.file.src_uri == "api.md" else markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Let pages that are opened from a folder find what they search in."""
    found = Path(config.site_dir) / "search"
    (found / "search_index.js").write_text(f"var __index = {(found / 'search_index.json').read_text()}")


def _documented(markdown: str) -> str:
    """The Python reference, with what mkdocstrings knows of each name under its table."""
    import inspect

    import vaegan

    def under(table: re.Match[str]) -> str:
        names: list[Any] = re.findall(r"^\| `vaegan\.(\w+)`", table[0], re.MULTILINE)
        found = [inspect.unwrap(getattr(vaegan, name)) for name in names]
        return table[0] + "".join(f"\n::: {one.__module__}.{one.__qualname__}\n" for one in found)

    return re.sub(r"(?:^\|[^\n]*\n)+", under, markdown, flags=re.MULTILINE)
