"""What every test shares: one thread, reproducible property tests, and one way to test a mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from torch import Tensor

settings.register_profile("reproducible", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("reproducible")

DEVIATIONS = 4.5
"""Standard errors that a mean may be off: a false alarm in 150,000 comparisons, and seeds are fixed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first: else one worker has some left when the others are done."""
    items.sort(key=lambda item: "slow" not in item.keywords)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """One thread: the suite runs on all cores already, and sums in a fixed order."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def assert_mean() -> Callable[..., None]:
    """assert_mean(samples (n, ...), mean, within=...): a z-test of every mean over n independent samples.

    `within` is the largest standard error that leaves the test its power: a test too noisy to fail, fails.
    """

    def check(samples: Tensor, mean: Tensor | float, within: Tensor | float) -> None:
        error = samples.std(0) / len(samples) ** 0.5
        off = (samples.mean(0) - mean).abs()
        assert bool((error <= within).all()), f"standard error {error}, wanted {within}: more samples"
        assert bool((off <= DEVIATIONS * error + 1e-12).all()), (
            f"mean {samples.mean(0)} +- {error}, expected {mean}: off by {off / error} standard errors"
        )

    return check
