"""What a loss claims, and so what it is held to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack

if TYPE_CHECKING:
    from torch import Tensor

    from scorebench.objectives import Batch
    from scorebench.parts import Score

Loss: TypeAlias = "Callable[[Score, Batch, Any], Tensor]"
"""loss(score, batch, generator) -> per-sample values, of the shape of batch.sigma."""

WEIGHTS: dict[str, Callable[[float], float]] = {"one": lambda sigma: 1.0, "sigma2": lambda sigma: sigma**2}


@dataclass(frozen=True)
class Claims:
    """What a loss says of itself. What it does not claim is not applicable, and is not counted as passed.

    Args:
        noise: "any" sigma >= 0; "noised" data only, sigma > 0; "clean" data only, sigma = 0.
        sigmas: the smallest and largest positive sigma that it supports.
        scale: the loss is scale * w(sigma) * 1/2 ||s - s*||^2 + const; 1 unless its convention differs.
        weight: that w(sigma): "one" or "sigma2".
        reduction: "none", per-sample values; "mean", one number for the batch, as `mean_loss` wraps it.
        layout: "any" leading batch shape, or "flat": (n,) only.
        images: takes events (C, H, W) as well as vectors.
        generator: draws only from the generator it is given.
        probes: it draws probes v, which must have E[v v'] = I.
        with_probes: the same loss with M probes, where their number can be chosen.
        changes_objective: says that (and why) its minimum is not that of the score error.
    """

    noise: Literal["any", "noised", "clean"] = "any"
    sigmas: tuple[float, float] = (0.0, float("inf"))
    scale: float = 1.0
    weight: Literal["one", "sigma2"] = "one"
    reduction: Literal["none", "mean"] = "none"
    layout: Literal["any", "flat"] = "any"
    images: bool = True
    generator: bool = True
    probes: bool = False
    with_probes: Callable[[int], Loss] | None = None
    changes_objective: str | None = None

    def factor(self, sigma: float) -> float:
        """scale * w(sigma)."""
        return self.scale * WEIGHTS[self.weight](sigma)

    def supported(self, levels: tuple[float, ...]) -> tuple[float, ...]:
        """Those of these noise levels that the loss claims."""
        if self.noise == "clean":
            return tuple(s for s in levels if s == 0)
        low, high = self.sigmas
        return tuple(s for s in levels if low <= s <= high and not (s == 0 and self.noise == "noised"))

    @property
    def counts_probes(self) -> bool:
        """Whether the number of probes can be chosen."""
        return self.with_probes is not None

    @property
    def convention(self) -> str:
        """The declared factor in words."""
        return f"{self.scale:g}" + (" sigma^2" if self.weight == "sigma2" else "")


class Told(TypedDict, total=False):
    """Some of the fields of `Claims`, by name: what a loss is told to claim."""

    noise: Literal["any", "noised", "clean"]
    sigmas: tuple[float, float]
    scale: float
    weight: Literal["one", "sigma2"]
    reduction: Literal["none", "mean"]
    layout: Literal["any", "flat"]
    images: bool
    generator: bool
    probes: bool
    with_probes: Callable[[int], Loss] | None
    changes_objective: str | None


def claims_of(loss: Loss, **more: Unpack[Told]) -> Claims:
    """What can be read off a loss: `requires_noise`, `changes_objective`, fields or arguments `probe` and `probes`.

    A loss may carry its own claims as `loss.claims`. `more` overrides what was read.
    """
    declared = getattr(loss, "claims", None)
    if isinstance(declared, Claims):
        return replace(declared, **more)
    options = _options(loss)
    read: Told = {
        "probes": bool({"probe", "probes"} & options),
        "with_probes": _with_probes(loss) if "probes" in options else None,
        "changes_objective": getattr(loss, "changes_objective", None),
    }
    if getattr(loss, "requires_noise", False):
        read["noise"] = "noised"
    return Claims(**(read | more))


def _options(loss: Loss) -> set[str]:
    """Names of the options of a loss: fields of an objective, arguments of a function."""
    fields = getattr(type(loss), "model_fields", None)
    if fields is not None:
        return set(fields)
    try:
        return set(inspect.signature(loss).parameters)
    except (TypeError, ValueError):
        return set()


def _with_probes(loss: Any) -> Callable[[int], Loss]:
    if hasattr(type(loss), "model_fields"):
        options = loss.model_dump()
        return lambda probes: type(loss)(**{**options, "probes": probes})
    return lambda probes: partial(loss, probes=probes)
