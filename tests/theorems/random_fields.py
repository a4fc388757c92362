"""What the tests of theorems share: a mixture, random fields s_theta as a network makes them, and their derivatives.

Notation of the tests: y = x + sigma epsilon ~ p_sigma, s* = grad log p_sigma, H = ds*/dy; f_k = ds/dtheta_k, a field
for each parameter, F_k = df_k/dy its Jacobian.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, vmap

from scorebench.networks import network
from scorebench.objectives import Batch
from scorebench.targets import GaussianMixture

MIXTURE = GaussianMixture([0.5, 0.3, 0.2], [[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]], stds=[0.3, 0.5, 0.4])
NETWORK = network("mlp", width=5, depth=2, activation="tanh")


def parameters(seed: int) -> dict[str, Tensor]:
    """Of a random network whose field is curved and no gradient."""
    drawn = NETWORK.initialise((2,), torch.Generator().manual_seed(seed))
    gain = {"layer0.weight": 2.0, "layer1.weight": 1.5, "layer2.weight": 10.0}
    return {name: gain.get(name, 1.0) * p.double() for name, p in drawn.items()}


def noised(n: int, sigma: float, seed: int) -> Batch:
    """n points of the mixture with noise of one scale."""
    generator = torch.Generator().manual_seed(seed)
    clean = MIXTURE.sample(n, generator)
    noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    return Batch(clean, noise, torch.full((n,), sigma, dtype=torch.float64), MIXTURE, reference=clean)


def at_the_optimum(origin: dict[str, Tensor]):
    """theta -> s* + net_theta - net_origin: the exact score at theta = origin, the network's fields f_k around it."""

    def model(theta: dict[str, Tensor]):
        moving, fixed = NETWORK.score(theta), NETWORK.score(origin)
        return lambda y, sigma: MIXTURE.score(y, sigma) + moving(y, sigma) - fixed(y, sigma)

    return model


def fields(theta: dict[str, Tensor], y: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """f (n, P, d) and F (n, P, d, d), F[..., i, j] = df_i/dy_j, at every point."""

    def of_point(point: Tensor, scale: Tensor) -> Tensor:
        J = jacrev(lambda p: NETWORK.score(p)(point, scale))(theta)
        return torch.cat([block.flatten(1) for block in J.values()], 1).T

    return vmap(of_point)(y, sigma), vmap(jacfwd(of_point))(y, sigma)


def hessian(y: Tensor, sigma: Tensor, target: GaussianMixture = MIXTURE) -> Tensor:
    """H = hess log p_sigma (n, d, d), by differentiating the score."""
    return vmap(jacfwd(lambda point, scale: target.score(point, scale)))(y, sigma)
