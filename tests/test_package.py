"""What `import vaegan` gives, and what it does not load."""

from __future__ import annotations

import pytest

import vaegan

from .processes import run


def test_dir_shows_the_public_names_and_each_exists() -> None:
    assert dir(vaegan) == sorted(vaegan.__all__)
    assert {"Recipe", "VAEGAN", "train", "load"} <= set(dir(vaegan))
    for name in dir(vaegan):
        assert getattr(vaegan, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        vaegan.trian  # noqa: B018


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("vaegan", ["torch", "numpy", "PIL", "cyclopts", "rich", "yaml"]),
        ("vaegan.recipe", ["torch", "cyclopts", "docstring_parser", "rich"]),
        ("vaegan.list_runs", ["torch", "cyclopts", "docstring_parser", "rich", "jinja2"]),
        ("vaegan.parse_settings", ["torch", "numpy", "cyclopts", "docstring_parser", "yaml"]),
    ],
)
def test_what_an_import_does_not_load(module: str, absent: list[str]) -> None:
    done = run(script=f"import sys, {module}\nprint(sorted(set({absent}) & sys.modules.keys()))", fresh=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
