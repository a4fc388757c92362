"""Losses of other shapes as `loss(score, batch, generator)`.

from_points(call)   losses on points: call(score, x, sigma, generator) -> mean, or values (n,)
from_energy(call)   losses on an energy module: call(energy, x, sigma, generator) -> mean, or values (n,)
mean_loss(loss)     loss(score, batch, generator) -> the mean over the batch
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from scorebench.conformance._calls import WrongReturn, checked
from scorebench.conformance._claims import Claims, Loss, Told
from scorebench.conformance._models import FamilyEnergy
from scorebench.conformance._signature import positional
from scorebench.objectives import Batch

if TYPE_CHECKING:
    from scorebench.parts import Score

EnergyLoss = Callable[..., Tensor]
"""call(energy, x, sigma, generator), of which the last one or two may lack; `energy` is a module."""
PointLoss = Callable[..., Tensor]
"""call(score, x, sigma, generator), of which the last one or two may lack."""


class Adapted:
    """A loss together with what it claims."""

    def __init__(self, loss: Loss, claims: Claims) -> None:
        self.loss, self.claims = loss, claims

    def __call__(self, score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        """Per-sample values, of the shape of batch.sigma."""
        return self.loss(score, batch, generator)


def mean_loss(loss: Loss, **claims: Unpack[Told]) -> Adapted:
    """A loss that returns the mean over its batch: the mean is repeated for every sample.

    Args:
        loss: loss(score, batch, generator) -> one number.
        claims: further claims of the loss.
    """

    def repeated(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        return _mean(loss(score, batch, generator), batch.sigma).expand(batch.sigma.shape)

    return Adapted(repeated, Claims(**(Told(reduction="mean", layout="flat") | claims)))


def from_energy(call: EnergyLoss, *, adds_noise: bool, **claims: Unpack[Told]) -> Adapted:
    """A loss of a library that takes an energy E(x), with p(x) proportional to exp(-E(x)).

    Args:
        call: call(energy, x, sigma, generator) -> the mean over x (n, *event), or values (n,). `energy` is a module,
            energy(x) or energy(x, sigma) -> (n,). The last one or two arguments may lack.
        adds_noise: it noises clean x itself, with standard deviation sigma; otherwise x is a sample of p_sigma.
        claims: further claims. `generator=False` says that it draws from torch's global generator, which is then
            seeded for it.
    """
    return _on_points(call, FamilyEnergy, adds_noise, claims)


def from_points(call: PointLoss, *, adds_noise: bool, **claims: Unpack[Told]) -> Adapted:
    """A loss on points and a score model, as most libraries write it.

    Args:
        call: call(score, x, sigma, generator) -> the mean over x (n, *event), or values (n,). `score(x, sigma)`, or
            `score(x)` at the noise level of x, gives (n, *event). The last one or two arguments may lack; one that
            takes no generator draws from torch's global one.
        adds_noise: it noises clean x itself, with standard deviation sigma; otherwise x is a sample of p_sigma.
        claims: further claims.
    """
    return _on_points(call, PointScore, adds_noise, claims)


class PointScore:
    """A score model at points (n, *event) of one noise level: score(x) or score(x, sigma); sigma (), (n,) or (n, 1)."""

    def __init__(self, score: Score, sigma: float) -> None:
        self._score, self._sigma = score, sigma

    def __call__(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """s(x, sigma), the shape of x."""
        level = torch.as_tensor(self._sigma if sigma is None else sigma, dtype=x.dtype)
        return self._score(x, level.reshape(-1).expand(len(x)))


def _on_points(call: Callable[..., Any], model: Callable[[Any, float], Any], adds_noise: bool, claims: Told) -> Adapted:
    """One call for every noise level; sigma is a number, or (n,) where the loss can't take a number."""
    taken = positional(call)
    default = Told(reduction="mean", layout="flat", noise="noised" if adds_noise else "any")
    if "generator" not in taken:
        default["generator"] = False
    told = Claims(**(default | claims))
    as_tensor = False

    def loss(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:  # the judge's, which have an energy
        nonlocal as_tensor
        points = batch.clean if adds_noise else batch.noisy
        values = torch.zeros_like(batch.sigma)
        for level in batch.sigma.unique().tolist():
            chosen = batch.sigma == level
            x = points[chosen]

            def found(sigma: float | Tensor, level: float = level, x: Tensor = x) -> Any:
                given = {"sigma": sigma, "generator": generator}
                return call(model(score, level), x.clone(), *(given[name] for name in taken))

            with torch.random.fork_rng(devices=[], enabled=not told.generator):
                if not told.generator:
                    torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
                if not as_tensor:
                    try:
                        returned = found(level)
                    except (AttributeError, IndexError, TypeError):
                        if "sigma" not in taken:
                            raise
                        returned, as_tensor = found(batch.sigma[chosen]), True
                else:
                    returned = found(batch.sigma[chosen])
            returned = _mean(returned, batch.sigma[chosen])
            values = torch.where(chosen, returned if returned.ndim == 0 else _spread(returned, chosen), values)
        return values

    return Adapted(loss, told)


def _mean(returned: Any, sigma: Tensor) -> Tensor:
    """What a loss returned, if it is a mean, (), or values of the shape of sigma.

    Raises:
        WrongReturn: it is neither.
    """
    if isinstance(returned, Tensor) and returned.numel() == 1:
        if not returned.is_floating_point():
            raise WrongReturn(f"the loss returned a mean of {returned.dtype}; a floating-point number is wanted")
        mean: Tensor = returned.reshape(())
        return mean
    return checked(returned, sigma)


def _spread(found: Tensor, chosen: Tensor) -> Tensor:
    """Values of the chosen samples, in their places."""
    return torch.zeros(chosen.shape, dtype=found.dtype).masked_scatter(chosen, found)
