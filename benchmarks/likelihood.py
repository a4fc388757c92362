"""Log-likelihoods by the probability-flow ODE beside ebmkit's: time and error, on a mixture whose density is known.

    python benchmarks/likelihood.py --repeats 7

1,000 points of a 2-D mixture in float64, noise from 0.01 to 10, one thread, medians of interleaved repeats in one
process. ebmkit (`pip install ebmkit==0.16.0`) takes the mixture's energy and walks 1,000 geometric levels, its trace
by one probe; without ebmkit the table holds our rows only. Errors are root mean squares over the points, in nats,
against the mixture's own log-density.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from scorebench.metrics.likelihood import log_likelihood
from scorebench.targets import GaussianMixture

TARGET = GaussianMixture([0.5, 0.3, 0.2], [[2.0, 0.0], [-2.0, 1.0], [0.0, -2.0]], stds=[0.3, 0.3, 0.3])
LOW, TOP, POINTS, LEVELS = 0.01, 10.0, 1000, 1000


def energy(x: Tensor, sigma: Tensor) -> Tensor:
    """The energy of the noised mixture, as a library of energies wants it."""
    return -TARGET.log_prob(x, sigma)


def score_of_energy(x: Tensor, sigma: Tensor) -> Tensor:
    """The same score by automatic differentiation, as ebmkit takes it."""
    with torch.enable_grad():
        y = x if x.requires_grad else x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(energy(y, sigma).sum(), y, create_graph=x.requires_grad)
    return -gradient


def top_prior(x: Tensor) -> Tensor:
    """The exact density at the highest level."""
    return TARGET.log_prob(x, TOP)


def contestants(x: Tensor) -> dict[str, Callable[[], Tensor]]:
    """What is measured, by name."""
    rows: dict[str, Callable[[], Tensor]] = {
        "scorebench, score, exact p_T": lambda: log_likelihood(TARGET.score, x, LOW, TOP, prior=top_prior).log_prob,
        "scorebench, score, p_T from the score": lambda: (
            log_likelihood(TARGET.score, x, LOW, TOP, prior="score").log_prob
        ),
        "scorebench, score, Gaussian prior": lambda: log_likelihood(TARGET.score, x, LOW, TOP).log_prob,
        "scorebench, energy, exact p_T": lambda: log_likelihood(score_of_energy, x, LOW, TOP, prior=top_prior).log_prob,
    }
    try:
        from ebm.eval.likelihood import pf_ode_log_likelihood
    except ImportError:
        print("ebmkit is not installed: our rows only")
        return rows
    ladder = torch.logspace(1, -2, LEVELS, dtype=torch.float64)
    for probes in (1, 16):
        rows[f"ebmkit, {LEVELS} levels, probes: {probes}"] = lambda n=probes: pf_ode_log_likelihood(
            energy, x, ladder, n_hutchinson=n
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = TARGET.sample(POINTS, torch.Generator().manual_seed(0), LOW)
    rows, truth = contestants(x), TARGET.log_prob(x, LOW)
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    errors = {name: float((row() - truth).square().mean().sqrt()) for name, row in rows.items()}
    for _ in range(repeats):
        for name, row in rows.items():
            start = time.perf_counter()
            row()
            seconds[name].append(time.perf_counter() - start)
    print("| what | seconds (median) | fastest | error, nats |\n|---|---|---|---|")
    for name, times in seconds.items():
        print(f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} | {errors[name]:.2g} |")


if __name__ == "__main__":
    main()
