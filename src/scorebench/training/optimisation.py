"""How a network is optimised: Adam with a cosine learning rate, and averaged weights."""

from __future__ import annotations

import math
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


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) as torch's function: its class imports torch's compiler, which takes longer
    than many a training.
    """

    def __init__(self, weights: list[Tensor]) -> None:
        self.weights = weights
        self.first = [torch.zeros_like(weight) for weight in weights]
        self.second = [torch.zeros_like(weight) for weight in weights]
        self.steps = [torch.zeros((), device=weight.device) for weight in weights]

    def step(self, rate: float) -> None:
        """One step along the gradients; a weight without one stays as it is."""
        used = [
            (weight, weight.grad, *moments)
            for weight, *moments in zip(self.weights, self.first, self.second, self.steps, strict=True)
            if weight.grad is not None
        ]
        weights, gradients, first, second, steps = (list(each) for each in zip(*used, strict=True))
        with torch.no_grad():
            adam(
                weights, gradients, first, second, [], steps, fused=True, lr=rate, beta1=0.9, beta2=0.999, eps=1e-8,
                weight_decay=0.0, amsgrad=False, maximize=False,
            )  # fmt: skip
