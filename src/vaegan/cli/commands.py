"""The commands, in the order of work. To add one, write its function in a file here, and add its line to `COMMANDS`."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """Where a command is, and what `vaegan --help` says of it. Help imports no command, because some take seconds to load."""

    name: str
    """As a person types it. The function has this name, with _ for -."""
    module: str
    """The file in cli/."""
    group: str
    line: str
    """The first line of the function's docstring."""
    takes: str = ""
    """What the usage line has after the command, where cyclopts would call an argument that may be left out [ARGS], or put one after a flag
    that takes all words that follow it."""

    @property
    def function(self) -> str:
        """Where the function is, as vaegan.cli.training:train."""
        return f"{__package__}.{self.module}:{self.name.replace('-', '_')}"


COMMANDS = (
    Command("prepare", "data", "Data", "Pack images into a set that is ready for training.", takes="[OPTIONS] SOURCE [OUT]"),
    Command("join", "data", "Data", "Make one set from parts that were packed on several machines."),
    Command("data", "data", "Data", "Show what is in a set of images."),
    Command("doctor", "doctor", "Data", "Find what is wrong with a set of images before you train on it."),
    Command("train", "training", "Train", "Train a VAE/GAN on a folder of images."),
    Command("fit-prior", "prior", "Train", "Fit the prior that the codes of samples are drawn from."),
    Command("recipes", "training", "Train", "List the recipes, or show all settings of one recipe.", takes="[OPTIONS] [NAME]"),
    Command("bench", "training", "Train", "Measure how long a training step takes on this machine."),
    Command("demo", "demo", "Look", "Show the model that comes with the package, in a browser."),
    Command("runs", "overview", "Look", "List the runs in a folder, and show how far each one is.", takes="[OPTIONS] [FOLDER]"),
    Command("compare", "overview", "Look", "Write comparison.html, one page about several runs."),
    Command("sample", "look", "Look", "Draw new images from the prior.", takes="RUN [OPTIONS]"),
    Command("reconstruct", "look", "Look", "Show images above their reconstructions."),
    Command("walk", "morph", "Look", "Make a video of samples that change slowly."),
    Command("convergence", "look", "Look", "Make a video of the pictures that were made during training."),
    Command("report", "look", "Look", "Write report.html, one page about a run."),
    Command("studio", "studio", "Look", "Write studio.html, one page in which anyone can try a model."),
    Command("export", "export", "Look", "Write a model as ONNX files, which run without torch."),
    Command("push", "hub", "Look", "Send a model to the Hugging Face hub, with a model card."),
    Command("attributes", "edit", "Edit", "Learn how codes must change so that images get an attribute."),
    Command("edit", "edit", "Edit", "Add or remove attributes of images.", takes="RUN IMAGES --add NAME=STRENGTH... [OPTIONS]"),
    Command("interpolate", "morph", "Edit", "Morph one image into another."),
    Command("arithmetic", "edit", "Edit", "Add and subtract the codes of images."),
    Command("project", "encode", "Edit", "Find better codes for images than the encoder does."),
    Command("encode", "encode", "Edit", "Write the codes of a set of images to a file."),
    Command("evaluate", "evaluate", "Measure", "Measure samples, reconstructions and codes."),
    Command("score", "score", "Measure", "Give each image an anomaly score: how unusual it is for a model."),
    Command("search", "search", "Measure", "Find the images of a set that are nearest to your images.", takes="[OPTIONS] RUN [IMAGES]"),
    Command("experiment", "experiment", "Measure", "Repeat the paper's experiments."),
)
