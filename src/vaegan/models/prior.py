"""The density that codes of samples are drawn from: a Gaussian mixture that was fitted to codes of training images.

L_prior pulls the codes of images towards N(0, I), and they do not arrive there: many codes of N(0, I) are in places where no image is. A
density that is fitted after training has its mass where the codes are (Ghosh et al. 2020, "From variational to deterministic autoencoders",
section 4). latent/fit_prior.py fits it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import UserError
from ..files import replacing
from ..result import PYTHON_ONLY
from .posterior import Posterior

FILE = "prior.safetensors"
FORMAT = 1
NAMES = ("weights", "means", "factors")
FEWEST = 20
"""Images, below which nothing can be said of their codes: samples are then drawn from N(0, I)."""
WAY_OUT = "fit the prior again with: vaegan fit-prior RUN"


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture over codes; of a conditional model, over codes and attributes together.

    All arithmetic is float64 on the CPU, so that a seed gives the same codes on any machine.
    """

    weights: Tensor = field(metadata=PYTHON_ONLY)
    """K, positive; they sum to 1."""
    means: Tensor = field(metadata=PYTHON_ONLY)
    """K x D, with D = latent + attributes: codes first. Attributes are as `VAEGAN.standardised` makes them."""
    factors: Tensor = field(metadata=PYTHON_ONLY)
    """K x D x D: the covariance of each component is F F^T, with F lower triangular. 1 x D x D if all components share one."""
    latent: int
    """The number of dimensions of a code."""
    model: str = ""
    """The fingerprint of the model whose codes it was fitted to; empty if it is not known."""
    about: Mapping[str, str] = field(default_factory=dict)
    """How it was fitted."""

    def __len__(self) -> int:
        """The number of components."""
        return len(self.weights)

    @property
    def summary(self) -> str:
        """What it is, in words."""
        what = f"a mixture of {len(self)} Gaussians" if len(self) > 1 else "one Gaussian"
        return f"the prior is {what}, fitted to {self.about.get('codes', 'some')} codes"

    @property
    def attributes(self) -> int:
        """How many attributes the density is of, besides codes."""
        return self.means.shape[1] - self.latent

    def log_density(self, points: Tensor) -> Tensor:
        """The log density, in nats, of codes given their attributes: log p(code, attributes) - log p(attributes).

        Args:
            points: N x D: codes, and behind them attributes if the density is of some.

        Returns:
            N.
        """
        points = points.cpu().double()
        joint = torch.logsumexp(self._log_joint(points, self.means, self.factors), 1)
        if not self.attributes:
            return joint
        means, factors = self._reordered(torch.arange(self.latent, self.means.shape[1]))
        return joint - torch.logsumexp(self._log_joint(points[:, self.latent :], means, factors), 1)

    def draw(self, count: int, seed: int, attributes: Tensor | None = None) -> Tensor:
        """Codes from the density: count x latent, float32. The same seed gives the same codes; see `codes`."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.latent, generator=generator)  # as for N(0, I), so that samples of both can be compared in pairs
        return self.codes(noise, torch.rand(count, generator=generator, dtype=torch.float64), attributes)

    def codes(self, noise: Tensor, uniform: Tensor, attributes: Tensor | None = None) -> Tensor:
        """Turn standard normal numbers into codes from the density. A code is an affine function of its noise.

        Args:
            noise: N x latent, from N(0, I).
            uniform: N numbers from 0 to 1, which choose the components.
            attributes: N x attributes, standardised, NaN where one is not known. Codes are drawn given those that are known; by default
                none is.

        Returns:
            N x latent, float32.

        Raises:
            ValueError: another number of attributes than the density is of.
        """
        noise, uniform = noise.cpu().double(), uniform.cpu().double()
        shape = (len(noise), self.attributes)
        wanted = torch.full(shape, torch.nan, dtype=torch.float64) if attributes is None else attributes.cpu().double()
        if tuple(wanted.shape) != shape:
            raise ValueError(f"attributes must be {' x '.join(map(str, shape))}, not {' x '.join(map(str, wanted.shape))}")
        codes, known = torch.empty_like(noise), ~wanted.isnan()
        for pattern in known.unique(dim=0) if self.attributes else known[:1]:
            rows = (known == pattern).all(1)
            codes[rows] = self._conditional_codes(wanted[rows][:, pattern], pattern, noise[rows], uniform[rows])
        return codes.float()

    def moments(self) -> tuple[Tensor, Tensor]:
        """The mean of codes, latent, and the Cholesky factor of their covariance, latent x latent, over all components."""
        means, factors = self.means[:, : self.latent], self.factors[:, : self.latent, : self.latent]
        mean = self.weights @ means
        off, shares = means - mean, self.weights if len(factors) == len(self) else torch.ones_like(self.weights[:1])
        covariance = torch.einsum("k,kij->ij", shares, factors @ factors.mT) + (self.weights * off.mT) @ off
        return mean, torch.linalg.cholesky(covariance)

    def _conditional_codes(self, values: Tensor, known: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Codes given the values of the known attributes, N x known.

        With these attributes first, the Cholesky factor of a component is [[A, 0], [B, C]]. Given the values, codes have the mean
        m_code + B A^-1 (values - m_known) and the covariance C C^T.
        """
        count = values.shape[1]
        means, factors = self._reordered(torch.cat([self.latent + known.nonzero().flatten(), torch.arange(self.latent)]))
        chances = torch.softmax(self._log_joint(values, means[:, :count], factors[:, :count, :count]), 1)
        components = (uniform[:, None] > chances.cumsum(1)[:, :-1]).sum(1)
        codes = torch.empty_like(noise)
        factors = factors.expand(len(means), -1, -1)
        for component in components.unique().tolist():
            rows, mean, factor = components == component, means[component], factors[component]
            off = torch.cat([_solved(factor[:count, :count], values[rows] - mean[:count]), noise[rows]], 1)
            codes[rows] = mean[count:] + off @ factor[count:].mT
        return codes

    def _reordered(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Means and Cholesky factors of some dimensions, in this order."""
        count = len(columns)
        if columns.equal(torch.arange(count)):  # the leading block of a Cholesky factor is the factor of the leading block
            return self.means[:, :count], self.factors[:, :count, :count]
        rows = self.factors[:, columns]
        return self.means[:, columns], torch.linalg.cholesky(rows @ rows.mT)

    def _log_joint(self, points: Tensor, means: Tensor, factors: Tensor) -> Tensor:
        """log(weight_k N(point; mean_k, F_k F_k^T)) of N points: N x K."""
        norms = factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * means.shape[1] * math.log(2 * math.pi)
        if len(factors) == 1:  # then the components differ in their means alone
            distances = torch.cdist(_solved(factors[0], points), _solved(factors[0], means)).square()
        else:
            white = [_solved(factor, points - mean) for mean, factor in zip(means, factors, strict=True)]
            distances = torch.stack([off.square().sum(1) for off in white], 1)
        return self.weights.log() - norms - 0.5 * distances

    def save(self, folder: Path) -> Path:
        """Write prior.safetensors into a model folder.

        Raises:
            OSError: it cannot be written.
        """
        tensors = {name: getattr(self, name).float().contiguous() for name in NAMES}
        about = {"format": FORMAT, "model": self.model, "about": dict(self.about)}
        content = safetensors.torch.save(tensors, {"prior": json.dumps(about)})  # of several keys, the order would be one of chance
        with replacing(folder / FILE) as path:
            path.write_bytes(content)
        return folder / FILE

    @classmethod
    def gaussian(cls, posteriors: Sequence[Posterior]) -> Mixture | None:
        """The Gaussian with the mean and the covariance of codes that are drawn from posteriors.

        The covariance is that of the means plus the mean of the variances (the law of total variance).

        Args:
            posteriors: of many images, part by part.

        Returns:
            None if there are none, or if their covariance is not finite and positive definite.
        """
        if not posteriors:
            return None
        means = torch.cat([posterior.mean for posterior in posteriors]).cpu().double()
        variances = torch.cat([posterior.logvar for posterior in posteriors]).cpu().double().exp()
        factor, failed = torch.linalg.cholesky_ex(torch.cov(means.mT, correction=0) + variances.mean(0).diag())
        if failed or not factor.float().isfinite().all():
            return None
        return cls(means.new_ones(1), means.mean(0, keepdim=True), factor[None], means.shape[1])

    @classmethod
    def load(cls, folder: Path, latent: int, attributes: int = 0) -> Mixture:
        """The prior in a model folder, for codes of `latent` numbers and so many attributes.

        Raises:
            UserError: the file is damaged, of another version, or of another model.
        """
        path = folder / FILE
        try:
            with safetensors.safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["prior"])
                form, model, how = about["format"], about["model"], dict(about["about"])
                weights, means, factors = (file.get_tensor(name).double() for name in NAMES)
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} is damaged: {WAY_OUT}") from error
        if form != FORMAT:
            raise UserError(f"{path} was written by another version of vaegan: {WAY_OUT}")
        if not _is_mixture(weights, means, factors, latent + attributes):
            raise UserError(f"{path} is damaged, or belongs to another model: {WAY_OUT}")
        return cls(weights / weights.sum(), means, factors, latent, model, how)


def _is_mixture(weights: Tensor, means: Tensor, factors: Tensor, dimensions: int) -> bool:
    """Whether all is of the right shape, finite and positive definite."""
    count = len(weights) if weights.ndim else 0
    shapes = (tuple(weights.shape), tuple(means.shape), tuple(factors.shape))
    factor = (dimensions, dimensions)
    if not count or shapes not in [((count,), (count, dimensions), (own, *factor)) for own in (count, 1)]:
        return False
    finite = all(torch.isfinite(tensor).all() for tensor in (weights, means, factors))
    definite = (factors.diagonal(dim1=1, dim2=2) > 0).all() and not factors.triu(1).any()
    return bool(finite and definite and (weights > 0).all())


def _solved(factor: Tensor, off: Tensor) -> Tensor:
    """F^-1 of each row of N x D."""
    return torch.linalg.solve_triangular(factor, off.mT, upper=False).mT
