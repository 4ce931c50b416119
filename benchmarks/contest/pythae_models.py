"""Models of pythae 0.1.2 (github.com/clementchadebec/benchmark_VAE), trained as its users train them: by its pipeline, trainer and loader.

The networks are those of recipe `quick`. Weights of losses are those of pythae's configurations for CelebA. Its learning rate there is
1e-4 for 50 epochs and more; so short trainings do better with `RATE`. Its trainer saves the network of the epoch with the lowest loss.

Samples come from its Gaussian mixture sampler with 10 components, and from N(0, I).
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pythae import models, samplers, trainers
from pythae.data.datasets import DatasetOutput
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from vaegan.models.prior import Mixture

from .plan import epochs_of
from .train import JobProgress, Task

BATCH = 100
RATE = 1e-3
LEAST_VARIANCE = 1e-6
"""Added to the variances of its mixture, in float64, so that rounding leaves no covariance without a root."""


class EncoderOf(BaseEncoder):  # type: ignore[misc]
    """An encoder of this package for images from 0 to 1."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> ModelOutput:
        """N x C x H x W in [0, 1] -> mean and log variance; autoencoders that are not variational take the mean alone."""
        mean, logvar = self.encoder(2 * x - 1)
        return ModelOutput(embedding=mean, log_covariance=logvar)


class DecoderOf(BaseDecoder):  # type: ignore[misc]
    """A decoder of this package that gives images from 0 to 1."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> ModelOutput:
        """N x latent -> N x C x H x W in [0, 1]."""
        return ModelOutput(reconstruction=(self.decoder(z) + 1) / 2)


class DiscriminatorOf(BaseDiscriminator):  # type: ignore[misc]
    """A discriminator of this package for images from 0 to 1; its levels are layers, and the last layer is what it thinks of an image."""

    def __init__(self, discriminator: Any) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.depth = len(discriminator.levels) + 1

    def forward(self, x: Tensor, output_layer_levels: list[int] | None = None) -> ModelOutput:
        """N x C x H x W in [0, 1] -> the features of some levels, or the probability that each image is real."""
        stems = self.discriminator.stem(2 * x - 1)
        if output_layer_levels:
            return ModelOutput(**{f"embedding_layer_{level}": self.discriminator.maps_of(stems, level) for level in output_layer_levels})
        return ModelOutput(embedding=self.discriminator.logits_of(stems).sigmoid())

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Copies are without it: pythae pickles the networks of a model that it saves, which those with parametrized layers refuse."""
        return nn.Identity, ()


class Stream(torch.utils.data.Dataset[DatasetOutput]):
    """A part of an endless sequence of the training images, in which each comes once before any comes twice.

    pythae trains for whole epochs. So that it can train for any number of steps, what it takes for an epoch are the next images of this
    sequence; how many, is chosen so that the steps come out.
    """

    def __init__(self, images: Tensor, count: int, seed: int) -> None:
        self.images, self.count = images, count
        self._random = np.random.default_rng(seed)
        self._order: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, _: int) -> DatasetOutput:
        """The next image, whichever is asked for."""
        if not len(self._order):
            self._order = self._random.permutation(len(self.images))
        number, self._order = int(self._order[0]), self._order[1:]
        return DatasetOutput(data=self.images[number], labels=torch.zeros(()))


class Steps(TrainingCallback):  # type: ignore[misc]
    """Tells the benchmark of every step."""

    def __init__(self, progress: JobProgress) -> None:
        self.progress = progress

    def on_train_step_end(self, *_: Any, **__: Any) -> None:
        """After a step."""
        self.progress()


def vae(task: Task) -> Mixture | None:
    """The error of pixels and the KL divergence."""
    config = models.VAEConfig(latent_dim=task.model.architecture.latent, reconstruction_loss="mse")
    theirs = models.VAE(config, EncoderOf(task.model.encoder), DecoderOf(task.model.decoder))
    return _train(theirs, trainers.BaseTrainerConfig, {"learning_rate": RATE}, task)


def vaegan(task: Task) -> Mixture | None:
    """Its VAE/GAN. The paper's own method, but for the sign of the decoder's adversarial term, which its trainer inverts."""
    config = models.VAEGANConfig(latent_dim=task.model.architecture.latent, adversarial_loss_scale=0.1, reconstruction_layer=3)
    theirs = models.VAEGAN(config, EncoderOf(task.model.encoder), DecoderOf(task.model.decoder), DiscriminatorOf(task.model.discriminator))
    rates = {f"{network}_learning_rate": RATE for network in ("encoder", "decoder", "discriminator")}
    return _train(theirs, trainers.CoupledOptimizerAdversarialTrainerConfig, rates, task)


def rae(task: Task) -> Mixture | None:
    """RAE_L2: a deterministic autoencoder with penalties on codes and on the decoder's weights."""
    config = models.RAE_L2_Config(latent_dim=task.model.architecture.latent, embedding_weight=1e-4, reg_weight=1e-7)
    theirs = models.RAE_L2(config, EncoderOf(task.model.encoder), DecoderOf(task.model.decoder))
    rates = {"encoder_learning_rate": RATE, "decoder_learning_rate": RATE}
    return _train(theirs, trainers.CoupledOptimizerTrainerConfig, rates, task)


def wae(task: Task) -> Mixture | None:
    """WAE_MMD: the codes of a batch together are drawn to N(0, I)."""
    config = models.WAE_MMD_Config(latent_dim=task.model.architecture.latent, kernel_choice="imq", reg_weight=2, kernel_bandwidth=2.0)
    theirs = models.WAE_MMD(config, EncoderOf(task.model.encoder), DecoderOf(task.model.decoder))
    return _train(theirs, trainers.BaseTrainerConfig, {"learning_rate": RATE}, task)


def _train(theirs: Any, config: Any, rates: dict[str, float], task: Task) -> Mixture | None:
    """Train by pythae's pipeline, take the weights over into the model, and fit its mixture."""
    model, images, training, job, progress = task
    pixels = torch.from_numpy(images.images[training[:]]).permute(0, 3, 1, 2).float() / 255
    epochs, steps = epochs_of(job.steps, len(pixels) // BATCH)
    batch = min(BATCH, len(pixels))
    with tempfile.TemporaryDirectory(dir=job.folder) as folder:
        settings = config(
            output_dir=folder,
            num_epochs=epochs,
            per_device_train_batch_size=batch,
            seed=job.seed,
            no_cuda=True,
            keep_best_on_train=True,
            **rates,
        )
        pipeline = TrainingPipeline(theirs, settings)
        pipeline(Stream(pixels, steps * batch, job.seed), callbacks=[Steps(progress)])
        best = pipeline.trainer._best_model.eval()  # the one that it saves
    model.encoder.load_state_dict(best.encoder.encoder.state_dict())
    model.decoder.load_state_dict(best.decoder.decoder.state_dict())
    if hasattr(theirs, "discriminator"):  # `best` is a copy without it, and gives codes only together with all losses
        best.discriminator = theirs.discriminator
    sampler = samplers.GaussianMixtureSampler(best, samplers.GaussianMixtureSamplerConfig(n_components=10))
    try:
        sampler.fit(pixels)
    except ValueError as error:  # scikit-learn's, of codes that do not vary
        print(f"no mixture could be fitted: {error}", file=sys.stderr)
        return None
    return as_mixture(sampler.gmm, model.architecture.latent)


def as_mixture(found: Any, latent: int) -> Mixture:
    """A mixture of scikit-learn as this package has it."""
    covariances = found.covariances_.astype(np.float64) + LEAST_VARIANCE * np.eye(latent)
    arrays = (found.weights_.astype(np.float64), found.means_.astype(np.float64), np.linalg.cholesky(covariances))
    weights, means, factors = map(torch.from_numpy, arrays)
    return Mixture(weights, means, factors, latent)
