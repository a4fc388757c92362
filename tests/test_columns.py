"""Columns without a density: what is recognised, on which columns, and that ordinary ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from scorebench.columns import Column, recognise, sentences


def draws(n: int = 2000, seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def found(*columns: np.ndarray) -> dict[tuple[int, str], Column]:
    return {(column.index, column.kind): column for column in recognise(np.column_stack(columns))}


def test_integers_are_discrete_with_their_step_whatever_the_unit_and_the_precision() -> None:
    """{0, ..., 9}^3 in units of 0.1, moved: spacing 0.1; as standardised numbers of single precision too."""
    cube = draws().integers(0, 10, (2000, 3))
    for rows in (cube, 0.1 * cube + 7, ((cube - cube.mean()) / cube.std()).astype(np.float32)):
        kinds = recognise(rows)
        assert [(column.index, column.kind, column.values) for column in kinds] == [
            (i, "discrete", 10) for i in range(3)
        ]
        assert [column.step for column in kinds] == pytest.approx([np.ptp(rows[:, i]) / 9 for i in range(3)], rel=1e-5)


def test_a_step_is_the_largest_that_all_distances_are_multiples_of() -> None:
    """Values 0, 4, 6, 10: distances 4, 2, 4, so a step of 2; of 0, 1, pi there is none."""
    r = draws()
    (even, odd) = recognise(np.column_stack([r.choice([0, 4, 6, 10], 500), r.choice([0, 1, np.pi], 500)]))
    assert even.step == 2
    assert odd.step is None
    assert "3 values, on no lattice" in sentences([odd])["discrete"]


def test_rounded_measurements_are_discrete_and_fine_ones_are_not() -> None:
    x = draws().normal(size=2000)
    assert found(np.round(x, 2), np.round(x[::-1], 4)) == {(0, "discrete"): found(np.round(x, 2), x)[0, "discrete"]}
    assert found(np.round(x, 2), x)[0, "discrete"].step == pytest.approx(0.01)


def test_zeros_in_four_of_ten_rows_are_a_pile() -> None:
    r = draws()
    rain = np.where(r.random(2000) < 0.4, 0.0, r.exponential(size=2000))
    ((where, column),) = found(r.normal(size=2000), rain).items()
    assert where == (1, "piled")
    assert column.at == (0.0,)
    assert column.share == pytest.approx((rain == 0).mean())


def test_constant_columns_are_named_with_their_value() -> None:
    x = draws().normal(size=100)
    assert found(x, np.full(100, 0.1)) == {(1, "constant"): Column(1, "constant", 1, (0.1,), share=1.0)}


def test_densities_that_end_abruptly_are_bounded_where_they_end() -> None:
    """Uniform: two ends; exponential: one; the density of beta(3, 3) falls to 0 at its ends and has no jump."""
    r = draws()
    kinds = found(r.uniform(2, 5, 3000), r.exponential(size=3000), r.beta(3, 3, 3000))
    assert set(kinds) == {(0, "bounded"), (1, "bounded")}
    assert kinds[0, "bounded"].at == pytest.approx((2, 5), abs=0.01)
    assert kinds[1, "bounded"].at == pytest.approx((0,), abs=0.01)


def test_angles_are_circular() -> None:
    r = draws()
    kinds = found(r.uniform(0, 360, 3000), r.uniform(-np.pi, np.pi, 3000), r.integers(0, 24, 3000), r.normal(size=3000))
    assert set(kinds) == {(0, "circular"), (1, "circular"), (2, "discrete"), (2, "circular")}


@pytest.mark.parametrize("n", [20, 1000, 10_000])
@pytest.mark.parametrize("law", ["normal", "laplace", "standard_t", "mixture"])
def test_ordinary_columns_are_left_alone(law: str, n: int) -> None:
    """At most 3 of 100, an end at which a density falls steeply by chance."""
    r = draws(seed=n)
    shape = (n, 100)
    mixture = np.sign(r.normal(size=shape)) + 0.01 * r.normal(size=shape)
    x = mixture if law == "mixture" else r.standard_t(2, shape) if law == "standard_t" else getattr(r, law)(size=shape)
    assert len(recognise(x)) <= 3


def test_repeated_rows_make_no_column_discrete() -> None:
    x = draws().normal(size=(300, 3))
    assert recognise(np.vstack([x, x, x])) == []


def test_sentences_name_columns_and_say_what_to_do() -> None:
    r = draws()
    rows = np.column_stack([r.integers(0, 10, 2000), r.normal(size=2000), r.integers(0, 2, 2000)])
    told = sentences(recognise(rows), ["age", "height", "smokes"])
    assert list(told) == ["discrete"]
    assert told["discrete"].startswith("2 columns ('age', 'smokes') are discrete ('age': 10 values, step 1): ")
    assert "dequantise" in told["discrete"]
    assert sentences(recognise(rows[:, :2]))["discrete"].startswith("column 0 is discrete (0: 10 values, step 1): ")
