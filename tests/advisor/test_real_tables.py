"""The advice on real tables: no noise wider than they are thin, and none that falls short of their farthest pair."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.real_tables import (
    from_sklearn,
    from_statsmodels,
    largest_distance,
    scaled,
    thinnest_component,
)
from scorebench.advisor import advise

TABLES = {
    **dict.fromkeys(("iris", "wine", "breast_cancer", "diabetes"), from_sklearn),
    **dict.fromkeys(("macrodata", "modechoice"), from_statsmodels),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_range_of_noise_spans_what_there_is(name: str) -> None:
    """From below a tenth of the thinnest direction, which is as thin as the thinnest of the whole, to all pairs."""
    x = scaled(TABLES[name](name))
    advice = advise(x)
    assert advice.sigma_thin is not None
    assert advice.sigma_local <= advice.sigma_thin <= 1.1 * thinnest_component(x)
    assert advice.sigma_min < thinnest_component(x) / 9
    assert advice.sigma_max == pytest.approx(largest_distance(x), rel=1e-9)


def test_steps_are_found_after_scaling_and_rounding_to_single_precision() -> None:
    """Iris was measured to a tenth of a centimetre; its columns' spreads are known."""
    from scorebench.columns import recognise

    rows = from_sklearn("iris")
    found = {column.index: column for column in recognise(scaled(rows))}
    assert [found[i].step for i in range(4)] == pytest.approx((0.1 / rows.std(0)).tolist(), rel=1e-4)
    assert all(np.diff(np.unique(rows[:, i])).min() == pytest.approx(0.1) for i in range(4))
