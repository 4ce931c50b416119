"""Fetching the files of a model from the Hugging Face hub, and sending them there; an optional extra.

Only the files in `FILES` are fetched. They are safetensors, JSON and YAML, which are read as data: Python files and pickles of a repository
stay where they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError

PREFIX = "hf:"
REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*(@\w[\w./-]*)?")
"""USER/NAME or USER/NAME@REVISION."""
LEARNED = ("attributes.safetensors", "score.safetensors")
"""What commands learn of a model later."""
FILES = ("config.json", "model.safetensors", "prior.safetensors", "recipe.yaml", *LEARNED)
"""What is fetched of a repository. These are the files of a run folder whose model is not in a folder of its own."""
NEEDED = FILES[:2]
PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
PLAIN = re.compile(r"\w[\w .-]*|hf:\w[\w.-]*(/\w[\w.-]*)?")
"""A source of images that another person's recipe may name: no path of this machine."""
EXTRA = "models of the Hugging Face hub need one more package: pip install huggingface_hub"


def fetch(name: str) -> Path:
    """The folder of a model of the hub, such as hf:USER/NAME; it is fetched on first use, and is not to be written into.

    Raises:
        UserError: the library is missing, or there is no such model, or it is not one of this package, or it cannot be fetched.
    """
    if not REPOSITORY.fullmatch(name.removeprefix(PREFIX)):
        raise UserError(f"a model of the Hugging Face hub must be hf:USER/NAME or hf:USER/NAME@REVISION, not {name}")
    hub = library()
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    where: dict[str, Any] = {"repo_id": repository, "revision": revision or None}
    names = NEEDED
    with suppress(Exception):  # the hub cannot be asked: what was fetched before is used, or else the next call says why
        names = tuple(hub.HfApi(endpoint=_endpoint()).list_repo_files(**where))
    if missing := [file for file in NEEDED if file not in names]:
        pickles = [file for file in names if file.endswith(PICKLES)]
        more = f"; {pickles[0]} is a pickle, which can run code when it is opened, so vaegan does not open it" if pickles else ""
        raise UserError(f"{name} is not a model of vaegan: it has no {missing[0]}{more}")
    with _user_errors(f"cannot fetch {name}"):
        folder = Path(hub.snapshot_download(**where, allow_patterns=list(FILES), library_name="vaegan", endpoint=_endpoint()))
    _check_recipe(folder / "recipe.yaml", name)
    return folder


def send(folder: Path, repository: str, *, private: bool) -> str:
    """Send all files of a folder to a repository of the hub, which is made if it is not there. Returns its address.

    Raises:
        UserError: the library is missing, or the hub does not take the files.
    """
    hub = library()
    if not REPOSITORY.fullmatch(repository) or "@" in repository:
        raise UserError(f"a repository of the Hugging Face hub must be USER/NAME, not {repository}")
    api = hub.HfApi(endpoint=_endpoint(), library_name="vaegan")
    with _user_errors(f"cannot send the model to {repository}"):
        address = api.create_repo(repository, private=private, exist_ok=True)
        older = [*FILES]  # those of an earlier push that this one has not are removed
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload a model of vaegan", delete_patterns=older)
    return str(address)


def library() -> Any:
    """The package huggingface_hub.

    Raises:
        UserError: it is not here.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise UserError(EXTRA) from None
    return huggingface_hub


def _endpoint() -> str | None:
    """Where the hub is, if it is not at its usual place. The library itself reads this once only."""
    return os.environ.get("HF_ENDPOINT")


@contextmanager
def _user_errors(what: str) -> Iterator[None]:
    """Say what could not be done, and the library's reason, which may be several lines."""
    try:
        yield
    except Exception as error:  # those of the library and of its HTTP client have no common class, and change with its version
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"{what}: {lines[0] if lines else type(error).__name__}") from error


def _check_recipe(path: Path, name: str) -> None:
    """See that a recipe of another person names no path of this machine: its images would be opened.

    Raises:
        UserError: it does, or it is damaged.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
        source = str(tree.get("data", {}).get("source", "avatars"))
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, RecursionError) as error:
        raise UserError(f"{name} is damaged: its {path.name} cannot be read") from error
    if not PLAIN.fullmatch(source):
        raise UserError(f"cannot open {name}: its {path.name} names the path {source}, so vaegan would read files of your machine")
