"""A better code for an image than the encoder's: found by gradient descent on the learned similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..errors import UserError
from ..models.vaegan import VAEGAN
from ..progress import Progress

PART = 64
"""Images at a time: the way back through two networks takes more memory than the way there."""


@dataclass(frozen=True)
class Projection:
    """Codes found for N images, each the best that was met for it, and how they came to be."""

    codes: Tensor
    """N x latent."""
    similarity: Tensor
    """(steps + 1) x N: the error 1/2 sum (Dis_l(x) - Dis_l(Dec(z)))^2 of the best code so far; the first row is the posterior mean's."""
    pixel: Tensor
    """(steps + 1) x N: the mean squared error of pixels, in [-1, 1], of the same."""
    path: Tensor
    """K x N x latent: the best codes so far at the steps that were asked for."""


def project(
    model: VAEGAN,
    images: Tensor,
    steps: int = 200,
    *,
    lr: float = 0.05,
    level: int | None = None,
    kl_weight: float = 0.1,
    shown: Sequence[int] = (),
    progress: Progress = lambda *_: None,
    each: Callable[[slice, Projection], None] = lambda *_: None,
) -> Projection:
    """Start from the posterior mean, and improve each code by Adam on

        1/2 sum (Dis_l(x) - Dis_l(Dec(z)))^2 + kl_weight * 1/2 |L^-1 (z - m)|^2.

    The first term is, but for a constant, minus the logarithm of the likelihood that VAE/GAN gives features, and the second that of the
    prior N(m, L L^T): the mean and the covariance of the fitted prior, or N(0, I) of a model that has none. Networks are constants, with
    the statistics of training. The code of the least sum met is kept, so it is never above that of the posterior mean.

    Args:
        model: in evaluation mode.
        images: N x C x H x W in [-1, 1].
        steps: of Adam.
        lr: its learning rate.
        level: the layer of the discriminator that gives the features; by default that of the learned similarity.
        kl_weight: weight of the second term. With 1, the code found is the most likely one under the model with this prior. With the
            default, reconstructions are closer to the images, and edits succeed about as often as with posterior means
            (docs/measured.md). 0 leaves the term out.
        shown: after which steps to note the codes.
        progress: called as the work goes on.
        each: called with the places of each part of the images, and with what was found for it.

    Raises:
        UserError: a setting is out of range; or encoder or discriminator was never trained.
    """
    model.require("discriminator")
    if steps < 1:
        raise UserError(f"--steps must be above 0, not {steps}")
    if not 0 < lr < torch.inf:
        raise UserError(f"--lr must be a finite number above 0, not {lr}")
    if not 0 <= kl_weight < torch.inf:
        raise UserError(f"--kl-weight must be a finite number of at least 0, not {kl_weight}")
    level = model.level if level is None else level
    prior = of_prior(model)
    parts = images.split(PART)
    done = []
    for number, part in enumerate(parts):
        report = partial(_report_step, progress, number * steps, len(parts) * steps)
        done.append(_project(model, part, steps, prior, lr=lr, level=level, kl_weight=kl_weight, shown=shown, report=report))
        each(slice(number * PART, number * PART + len(part)), done[-1])
    return Projection(
        torch.cat([part.codes for part in done]),
        torch.cat([part.similarity for part in done], 1),
        torch.cat([part.pixel for part in done], 1),
        torch.cat([part.path for part in done], 1),
    )


def _report_step(progress: Progress, before: int, total: int, step: int) -> None:
    progress("projecting", before + step, total)


def _project(
    model: VAEGAN,
    images: Tensor,
    steps: int,
    prior: tuple[Tensor, Tensor],
    *,
    lr: float,
    level: int,
    kl_weight: float,
    shown: Sequence[int],
    report: Callable[[int], None],
) -> Projection:
    mean, whitening = prior
    images = images.to(model.device, model.dtype)
    with torch.no_grad():
        wanted = model.discriminator.features(images, level).float()  # also of a model in float16, whose sums would overflow
        codes = model.encode(images, check=False).mean.float()
    codes = codes.clone().requires_grad_()
    optimizer = torch.optim.Adam([codes], lr)
    best = codes.detach().clone()
    least = torch.full((len(images),), torch.inf, device=images.device)
    error, pixel = least.clone(), least.clone()
    errors, pixels, path = [], [], []
    for step in range(steps + 1):
        decoded = model.decode(codes)
        similarity = 0.5 * (model.discriminator.features(decoded, level).float() - wanted).square().sum(1)
        objective = similarity + kl_weight * 0.5 * ((codes - mean) @ whitening).square().sum(1)
        with torch.no_grad():
            better = objective < least
            least = torch.where(better, objective, least)
            error = torch.where(better, similarity, error)
            pixel = torch.where(better, (decoded - images).float().square().flatten(1).mean(1), pixel)
            best = torch.where(better[:, None], codes, best)
        errors.append(error)
        pixels.append(pixel)
        if step in shown:
            path.append(best)
        if step < steps:
            (codes.grad,) = torch.autograd.grad(objective.sum(), [codes])  # of the codes alone: the networks are constants
            optimizer.step()
            report(step + 1)
    found = torch.stack(path) if path else best.new_empty(0, *best.shape)
    return Projection(*(tensor.cpu() for tensor in (best, torch.stack(errors), torch.stack(pixels), found)))


def of_prior(model: VAEGAN) -> tuple[Tensor, Tensor]:
    """The mean m of codes, latent, and W, latent x latent: (z - m) W is as of N(0, I)."""
    latent = model.architecture.latent
    if model.prior is None:
        return torch.zeros(latent, device=model.device), torch.eye(latent, device=model.device)
    mean, factor = model.prior.moments()
    inverse = torch.linalg.solve_triangular(factor, torch.eye(latent, dtype=factor.dtype), upper=False)
    return mean.float().to(model.device), inverse.mT.float().to(model.device)
