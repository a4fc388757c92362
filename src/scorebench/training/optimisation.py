"""How a network is optimised: Adam with a cosine learning rate, and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adam import adam


@dataclass(frozen=True)
class Optimisation:
    """How to train: Adam with a cosine learning rate and an exponential moving average of the weights."""

    steps: int
    batch: int
    learning_rate: float
    ema: float
    log_every: int

    def rate(self, step: int) -> float:
        """Cosine decay to zero after a linear warm-up over the first 2 % of the steps."""
        warm = min(1.0, (step + 1) / max(1, 0.02 * self.steps))
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def keep(self, step: int) -> float:
        """What the average keeps of itself at a step: less at first, so that it forgets where it began."""
        return min(self.ema, (1 + step) / (10 + step))


def adam_step(weights: Iterable[tuple[Tensor, Tensor, Tensor, Tensor]], rate: float) -> None:
    """One step of Adam (Kingma & Ba 2015, algorithm 1) along the gradients; a weight without one stays as it is.

    weights: each with its first moment, its second, both of its shape, and its number of steps, (), all of which
    change in place. By torch's function: its class imports torch's compiler, which takes longer than many a training.
    """
    used = [(weight, weight.grad, *moments) for weight, *moments in weights if weight.grad is not None]
    ready, gradients, first, second, counts = (list(each) for each in zip(*used, strict=True))
    with torch.no_grad():
        adam(
            ready, gradients, first, second, [], counts, fused=True, lr=rate, beta1=0.9, beta2=0.999, eps=1e-8,
            weight_decay=0.0, amsgrad=False, maximize=False,
        )  # fmt: skip
