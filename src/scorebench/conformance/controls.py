"""Losses with a known mistake each: what the judge has to find, and examples of what goes wrong in practice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from scorebench.conformance._claims import Claims, Loss
from scorebench.conformance.adapters import Adapted
from scorebench.objectives import Batch
from scorebench.objectives._terms import differentiable, draw_probe, event_sum, half_square
from scorebench.objectives._terms import sliced_divergence as sliced

if TYPE_CHECKING:
    from scorebench.parts import Score

Probe = Callable[[Batch, torch.Generator], Tensor]


@dataclass(frozen=True)
class Control:
    """A loss with a mistake, and the properties that it must fail (it may fail others too)."""

    loss: Loss
    mistake: str
    fails: tuple[str, ...]


def _dsm(target: Callable[[Batch], Tensor], factor: Callable[[Batch], Tensor | float] = lambda batch: 1.0) -> Loss:
    """DSM with a regression target and a factor of one's own choice."""

    def loss(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        if not bool((batch.sigma > 0).all()):
            raise ValueError("not defined at sigma = 0")
        return factor(batch) * half_square(score(batch.noisy, batch.sigma) - target(batch), batch.sigma)

    return Adapted(loss, Claims(noise="noised"))


def _conditional(batch: Batch) -> Tensor:
    return -batch.noise / batch.scale


def _ssm_vr(probe: Probe, probes: int = 1, noise: str = "any") -> Adapted:
    """SSM-VR with a probe of one's own choice."""

    def with_probes(count: int) -> Loss:
        def loss(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
            y = differentiable(batch)
            s = score(y, batch.sigma)
            slices = torch.stack([sliced(s, y, probe(batch, generator), batch.sigma) for _ in range(count)])
            return half_square(s, batch.sigma) + slices.mean(0)

        return loss

    return Adapted(with_probes(probes), Claims(noise=noise, probes=True, with_probes=with_probes))  # type: ignore[arg-type]


def _gaussian(batch: Batch, generator: torch.Generator) -> Tensor:
    return draw_probe("gaussian", batch.noise, batch.sigma, generator)


def _unit_sphere(batch: Batch, generator: torch.Generator) -> Tensor:
    v = _gaussian(batch, generator)
    return v / event_sum(v.square(), batch.sigma).sqrt().reshape(batch.scale.shape)


def _sphere_of_the_last_axis(batch: Batch, generator: torch.Generator) -> Tensor:
    sphere: Tensor = _unit_sphere(batch, generator) * batch.noise.shape[-1] ** 0.5
    return sphere


def _global(batch: Batch, generator: torch.Generator) -> Tensor:
    return torch.randn_like(batch.noise)


def _flipped(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    y = differentiable(batch)
    s = score(y, batch.sigma)
    return half_square(s, batch.sigma) - sliced(s, y, _gaussian(batch, generator), batch.sigma)


def _repeated(probes: int) -> Loss:
    """SSM-VR whose M probes are one probe M times."""

    def loss(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
        y = differentiable(batch)
        s = score(y, batch.sigma)
        v = _gaussian(batch, generator)
        return half_square(s, batch.sigma) + sum(sliced(s, y, v, batch.sigma) for _ in range(probes)) / probes

    return loss


def _posterior_without_own(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """STF with every sample's own clean point left out of its reference set."""
    if not bool((batch.sigma > 0).all()):
        raise ValueError("not defined at sigma = 0")
    if batch.reference is None:
        raise ValueError("a reference set is needed")
    y, sigma = batch.noisy.flatten(batch.sigma.ndim), batch.sigma[..., None]
    reference, clean = batch.reference.flatten(1), batch.clean.flatten(batch.sigma.ndim)
    logits = -torch.cdist(y, reference).square() / (2 * sigma.square())
    own = (clean[..., None, :] == reference).all(-1)
    mean = logits.masked_fill(own, -torch.inf).softmax(-1) @ reference
    target = ((mean - y) / sigma.square()).reshape(batch.clean.shape)
    return half_square(score(batch.noisy, batch.sigma) - target, batch.sigma)


def _first_sigma(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    first = batch.sigma.flatten()[0]
    if not first > 0:
        raise ValueError("not defined at sigma = 0")
    return half_square(score(batch.noisy, batch.sigma) + batch.noise / first, batch.sigma)


def _centred(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """The score of every sample has the mean over its batch taken off."""
    if not bool((batch.sigma > 0).all()):
        raise ValueError("not defined at sigma = 0")
    s = score(batch.noisy, batch.sigma)
    return half_square(s - s.mean(0) + batch.noise / batch.scale, batch.sigma)


def _floored(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    return half_square(score(batch.noisy, batch.sigma) + batch.noise / batch.scale.clamp(min=1e-8), batch.sigma)


def _huber(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """A pseudo-Huber loss of the residual sigma s + epsilon, with c = 2."""
    residual = batch.scale * score(batch.noisy, batch.sigma) + batch.noise
    return 2 * ((event_sum(residual.square(), batch.sigma) + 4).sqrt() - 2) / batch.sigma.square()


def _one_sided(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """Finite-difference SSM with a one-sided step as large as the data."""
    v = _gaussian(batch, generator)
    y = batch.noisy
    s = score(y, batch.sigma)
    return half_square(s, batch.sigma) + event_sum(v * (score(y + v, batch.sigma) - s), batch.sigma)


def _sorted(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """DSM on the samples of the last axis in the order of their noise levels."""
    order = batch.sigma.argsort(-1)
    if not bool((batch.sigma > 0).all()):
        raise ValueError("not defined at sigma = 0")
    event = batch.clean.shape[batch.sigma.ndim :]
    places = order.reshape(*order.shape, *[1] * len(event)).expand(batch.clean.shape)
    clean, noise = (part.gather(order.ndim - 1, places) for part in (batch.clean, batch.noise))
    part = Batch(clean, noise, batch.sigma.gather(-1, order))
    losses = half_square(score(part.noisy, part.sigma) + part.noise / part.scale, part.sigma)
    return losses.gather(-1, order.argsort(-1))


def _stacked(score: Score, batch: Batch, generator: torch.Generator) -> Tensor:
    """Antithetic DSM whose two points stand on an axis of their own before those of the batch."""
    if not bool((batch.sigma > 0).all()):
        raise ValueError("not defined at sigma = 0")
    both = torch.stack([batch.noise, -batch.noise])
    s = score(batch.clean + batch.scale * both, batch.sigma.expand(2, *batch.sigma.shape))
    return half_square(s + both / batch.scale, batch.sigma[None]).mean(0)


CONTROLS: dict[str, Control] = {
    "noise as probe": Control(
        _ssm_vr(lambda batch, _: batch.noise, noise="noised"),
        "the drawn noise is used again as probe",
        ("minimum on mixtures", "unbiased gradient"),
    ),
    "unit sphere": Control(
        _ssm_vr(_unit_sphere),
        "probes on the unit sphere without the factor d",
        ("minimum on Gaussians", "E[v v'] = I", "unbiased gradient"),
    ),
    "sphere of the last axis": Control(
        _ssm_vr(_sphere_of_the_last_axis),
        "probes on the sphere whose radius is the root of the last axis, not of d",
        ("images",),
    ),
    "stf without own point": Control(
        Adapted(_posterior_without_own, Claims(noise="noised")),
        "posterior-mean targets that leave out the sample's own point",
        ("minimum on Gaussians", "minimum on mixtures", "unbiased gradient"),
    ),
    "missing half": Control(
        _dsm(_conditional, lambda batch: 2.0), "the factor 1/2 is missing", ("sign and scale", "unbiased value")
    ),
    "negated": Control(_dsm(_conditional, lambda batch: -1.0), "the sign is wrong", ("sign and scale",)),
    "divergence sign": Control(
        Adapted(_flipped, Claims()), "1/2 ||s||^2 - div s", ("minimum on Gaussians", "unbiased gradient")
    ),
    "noise sign": Control(
        _dsm(lambda batch: batch.noise / batch.scale), "the target is +epsilon / sigma", ("minimum on Gaussians",)
    ),
    "epsilon / sigma^2": Control(
        _dsm(lambda batch: -batch.noise / batch.scale.square()),
        "the target is -epsilon / sigma^2",
        ("minimum on Gaussians", "sigma to 0"),
    ),
    "hidden weight": Control(
        _dsm(_conditional, lambda batch: batch.sigma.square()),
        "a weight sigma^2 that is not declared",
        ("sign and scale", "law in sigma"),
    ),
    "mean over the event": Control(
        _dsm(_conditional, lambda batch: 1 / batch.noise.flatten(batch.sigma.ndim).shape[-1]),
        "the mean over the event instead of the sum",
        ("sign and scale", "images"),
    ),
    "first sigma": Control(
        Adapted(_first_sigma, Claims(noise="noised")),
        "the noise level of the first sample is used for all",
        ("law in sigma", "batch layout"),
    ),
    "centred batch": Control(
        Adapted(_centred, Claims(noise="noised")), "the mean over the batch is taken off", ("batch layout",)
    ),
    "sorted samples": Control(
        Adapted(_sorted, Claims(noise="noised")),
        "the network sees the samples in another order than that of the batch",
        ("plain networks",),
    ),
    "stacked pairs": Control(
        Adapted(_stacked, Claims(noise="noised")),
        "the network is given an axis that the batch does not have",
        ("plain networks",),
    ),
    "one probe M times": Control(
        Adapted(_repeated(1), Claims(probes=True, with_probes=_repeated)),
        "M probes are one probe M times",
        ("variance 1/M in the probes",),
    ),
    "global generator": Control(_ssm_vr(_global), "probes from torch's global generator", ("determinism",)),
    "floor under sigma": Control(
        Adapted(_floored, Claims(noise="noised")),
        "DSM that is finite, and wrong, at sigma = 0: it divides by max(sigma, 1e-8)",
        ("sigma to 0",),
    ),
    "Huber": Control(
        Adapted(_huber, Claims(noise="noised")),
        "the error is not squared: a pseudo-Huber loss",
        ("minimum on mixtures", "unbiased gradient"),
    ),
    "one-sided difference": Control(
        Adapted(_one_sided, Claims()), "a one-sided finite difference with a large step", ("unbiased gradient",)
    ),
}
