"""What a sample costs, against the products of matrices that torch counts."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from scorebench import parts
from scorebench.data.random_mixture import RandomMixture
from scorebench.networks import network
from scorebench.objectives import Batch, Objective, objective

D = 4
TARGET = RandomMixture(dimensions=D).target()
OPTIONS = {
    "antithetic_dsm": {"pairs": 2},
    "ssm": {"probes": 2},
    "fd_ssm": {"probes": 2},
    "stf": {"references": 2},
    "antithetic_stf": {"references": 2},
    "stf_ssm_vr": {"references": 2},
    "switch": {"threshold": 100.0},
}


def products(loss: Objective) -> int:
    """Multiplications of a forward and a backward pass, 256 samples, layers wide enough to be all that counts."""
    net = network("mlp", width=256, depth=3)
    parameters = {k: w.requires_grad_() for k, w in net.initialise((D,), torch.Generator().manual_seed(1)).items()}
    x = TARGET.sample(256, torch.Generator().manual_seed(2)).float()
    sigma = torch.linspace(0.1, 1, 256)
    batch = Batch(x, torch.randn(x.shape, generator=torch.Generator().manual_seed(3)), sigma, TARGET, reference=x)
    with FlopCounterMode(display=False) as counter:
        loss(net.score(parameters), batch, torch.Generator().manual_seed(4)).sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", parts.names("objective"))
def test_evaluations_are_those_of_the_network(name):
    """A product with the Jacobian, trained through, takes as many products as an evaluation with its backward pass."""
    loss = objective(name, **OPTIONS.get(name, {}))
    assert products(loss) / products(objective("dsm")) == pytest.approx(loss.evaluations(D), rel=0.1)
