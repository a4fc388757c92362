"""Random streams that are counted, not carried: a draw depends on what it is for, not on what came before.

The stream of replicate r for purpose p at step t is seeded with a hash of (seed, r, p, t). So replicate 0 draws
the same whether it trains alone or beside nine others, two methods see the same data and the same noise, and
a training can go on from any step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Generators: TypeAlias = "torch.Generator | Sequence[torch.Generator] | None"
"""One generator, or one for each index of the leading axis (replicates)."""


@dataclass(frozen=True)
class Streams:
    """The counted random streams of `replicates` replicates of one study seed."""

    seed: int
    replicates: int
    device: str = "cpu"

    def at(self, purpose: str, step: int = 0) -> list[torch.Generator]:
        """One generator per replicate, for this purpose at this step."""
        import torch

        return [
            torch.Generator(self.device).manual_seed(seed_of(self.seed, replicate, purpose, step))
            for replicate in range(self.replicates)
        ]


def seed_of(*counters: int | str) -> int:
    """A 63-bit seed that is a hash of its counters."""
    digest = hashlib.blake2b(repr(counters).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def seeded(generator: Generators | int, like: Tensor | None = None) -> Generators:
    """A seed becomes a new generator on the device of `like`, anything else stays as it is: for the border, where a
    caller's `generator` comes in. A function that draws more than once must not hand a seed on as such, or all of its
    draws would be the same numbers; so `normal`, `uniform` and `integers` refuse one.

    Raises:
        TypeError: neither a seed, nor a generator, nor a sequence of them, nor None.
        ValueError: a seed below 0 or above 2^63 - 1.
    """
    import torch

    if isinstance(generator, Integral) and not isinstance(generator, bool):
        if not 0 <= int(generator) < 2**63:
            raise ValueError(f"a seed must lie between 0 and 2^63 - 1; given: {generator}")
        return torch.Generator("cpu" if like is None else like.device).manual_seed(int(generator))
    return _checked(generator)


def _checked(generator: object) -> Generators:
    import torch

    if generator is None or isinstance(generator, torch.Generator):
        return generator
    if isinstance(generator, list | tuple) and generator and all(isinstance(g, torch.Generator) for g in generator):
        return generator
    given = "an empty list" if isinstance(generator, list | tuple) and not generator else repr(generator)
    raise TypeError(
        "generator must be a torch.Generator, as torch.Generator().manual_seed(0) is, a list with one for each index "
        f"of the leading axis, or None; given: {given[:80]}"
    )


def _each(draw: str, shape: tuple[int, ...], generator: Generators, like: Tensor | None, **kwargs: int) -> Tensor:
    import torch

    generator = _checked(generator)
    first = generator if generator is None or isinstance(generator, torch.Generator) else generator[0]
    device = like.device if like is not None else first.device if first is not None else None
    function = getattr(torch, draw)
    options: dict[str, object] = {**kwargs, "device": device}
    if like is not None and draw != "randint":
        options["dtype"] = like.dtype
    if generator is None or isinstance(generator, torch.Generator):
        result: Tensor = function(size=shape, generator=generator, **options)
        return result
    if not shape or len(generator) != shape[0]:
        raise ValueError(f"{len(generator)} generators for a leading axis of {shape[0] if shape else 'no'} values")
    return torch.stack([function(size=shape[1:], generator=g, **options) for g in generator])


def normal(shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
    """Standard normal values of this shape; device and dtype are those of `like`."""
    return _each("randn", tuple(shape), generator, like)


def uniform(shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
    """Values uniform on [0, 1) of this shape; device and dtype are those of `like`."""
    return _each("rand", tuple(shape), generator, like)


def integers(high: int, shape: Sequence[int], generator: Generators = None, like: Tensor | None = None) -> Tensor:
    """Integers uniform on {0, ..., high - 1} of this shape, on the device of `like`."""
    return _each("randint", tuple(shape), generator, like, low=0, high=high)
