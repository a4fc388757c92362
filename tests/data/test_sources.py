"""Sources of data: the scale, the truth and the splits that they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scorebench import parts
from scorebench.data import SPLITS, split_rows, standardise
from scorebench.data.digits import Digits
from scorebench.data.grid import Grid
from scorebench.data.linear_gaussian import LinearGaussian
from scorebench.data.low_rank_mixture import LowRankMixture
from scorebench.data.random_mixture import RandomMixture
from scorebench.data.ring import Ring
from scorebench.data.unequal_mixture import UnequalMixture
from scorebench.parts import BadOptions
from scorebench.targets import GaussianMixture

SIZES = {"train": 3000, "validation": 200, "test": 1000}


def mean_square(target: GaussianMixture) -> float:
    """E||x||^2 / d of equal components: mean square of the centres plus mean variance."""
    return float(target.means.square().mean() + target.variances.mean())


@given(components=st.integers(2, 30), std=st.floats(0.01, 0.99))
def test_ring_has_root_mean_square_one_and_lies_on_a_circle(components, std):
    target = Ring(components=components, std=std).target()
    assert mean_square(target) == pytest.approx(1, rel=1e-12)
    radius = target.means.norm(dim=1)
    torch.testing.assert_close(radius, radius[:1].expand(components), rtol=1e-12, atol=0)
    assert target.means.mean(0).abs().max() < 1e-12
    torch.testing.assert_close(target.variances, torch.full((components, 2), std**2).double(), rtol=1e-6, atol=0)


@given(
    components=st.integers(2, 12), dimensions=st.integers(1, 12), std=st.floats(0.01, 0.5), draw=st.integers(0, 1000)
)
def test_random_mixture_has_root_mean_square_one_and_the_stated_widths(components, dimensions, std, draw):
    options = {"components": components, "dimensions": dimensions, "draw": draw}
    target = RandomMixture(**options, std_min=std, std_max=1.5 * std).target()
    assert mean_square(target) == pytest.approx(1, rel=1e-9)
    widths = torch.linspace(std, 1.5 * std, dimensions, dtype=torch.float64)
    torch.testing.assert_close(target.variances.sqrt(), widths.expand(components, dimensions), rtol=1e-6, atol=0)


def test_random_mixture_of_one_component_is_refused():
    """Its root mean square can't be 1 while its widths are below 1."""
    with pytest.raises(BadOptions, match="components"):
        parts.build("source", "random_mixture", {"components": 1})


def test_random_mixture_is_not_axis_aligned():
    """Every component has correlations between the coordinates, and another draw has others."""
    first, second = (RandomMixture(dimensions=5, draw=draw).target() for draw in (0, 1))
    covariances = [t.axes @ torch.diag_embed(t.variances) @ t.axes.mT for t in (first, second)]
    width = covariances[0].diagonal(dim1=-2, dim2=-1).sqrt()
    correlation = covariances[0] / (width[:, :, None] * width[:, None, :])
    off = correlation - torch.eye(5, dtype=torch.float64)
    assert off.abs().max() > 0.1
    assert not torch.allclose(*covariances)
    assert not torch.allclose(first.means, second.means)
    assert torch.equal(first.means, RandomMixture(dimensions=5).target().means)


@given(side=st.integers(2, 12), std=st.floats(0.01, 0.99))
def test_grid_is_square_and_has_root_mean_square_one(side, std):
    target = Grid(side=side, std=std).target()
    assert target.means.shape == (side**2, 2)
    per_axis = target.means.square().mean(0) + target.variances.mean(0)
    torch.testing.assert_close(per_axis, torch.ones(2).double(), rtol=1e-12, atol=0)
    steps = [axis.unique().diff() for axis in target.means.T]
    torch.testing.assert_close(torch.cat(steps), steps[0][:1].expand(2 * (side - 1)), rtol=1e-9, atol=0)


@given(dimensions=st.integers(1, 40), exponent=st.floats(0, 3), draw=st.integers(0, 100))
def test_linear_gaussian_has_the_stated_spectrum(dimensions, exponent, draw):
    target = LinearGaussian(dimensions=dimensions, exponent=exponent, draw=draw).target()
    falling = target.variances[0].flip(0)
    expected = torch.arange(1, dimensions + 1).double() ** -exponent
    torch.testing.assert_close(falling / falling[0], expected, rtol=1e-6, atol=1e-12)
    assert float(falling.mean()) == pytest.approx(1, rel=1e-9)


def test_score_of_the_linear_gaussian_is_linear():
    """s*(y, sigma) = -(C + sigma^2 I)^-1 y, with C taken from many draws."""
    source = LinearGaussian(dimensions=4)
    x = source.target().sample(400_000, torch.Generator().manual_seed(1))
    C = x.T @ x / len(x)
    y = torch.randn(5, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for sigma in (0.3, 3.0):
        expected = -torch.linalg.solve(C + sigma**2 * torch.eye(4, dtype=torch.float64), y.T).T
        torch.testing.assert_close(source.target().score(y, sigma), expected, rtol=0.03, atol=0.02)


@given(
    components=st.integers(2, 12), dimensions=st.integers(1, 12), imbalance=st.floats(1, 50), draw=st.integers(0, 1000)
)
def test_unequal_mixture_has_the_stated_widths_and_weights(components, dimensions, imbalance, draw):
    options = {"components": components, "dimensions": dimensions, "draw": draw}
    target = UnequalMixture(**options, imbalance=imbalance).target()
    stds, weights = target.variances[:, 0].sqrt(), target.weights
    assert float(stds[0]) == pytest.approx(0.5)
    assert float(stds[-1]) == pytest.approx(0.02)
    assert float(weights[0] / weights[-1]) == pytest.approx(imbalance)
    square = (weights * (target.means.square().mean(1) + stds.square())).sum()
    assert float(square) == pytest.approx(1, rel=1e-9)
    assert (weights[:, None] * target.means).sum(0).abs().max() < 1e-9


@given(dimensions=st.integers(3, 30), rank=st.integers(1, 2), draw=st.integers(0, 100))
def test_low_rank_mixture_spreads_along_its_subspace_alone(dimensions, rank, draw):
    source = LowRankMixture(dimensions=dimensions, rank=rank, std=0.3, draw=draw)
    target = source.target()
    assert mean_square(target) == pytest.approx(1, rel=1e-9)
    widths = target.variances.sqrt().sort(-1).values
    torch.testing.assert_close(widths[:, :-rank], torch.full((8, dimensions - rank), 0.01).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(widths[:, -rank:], torch.full((8, rank), 0.3).double(), rtol=1e-6, atol=0)
    spread = torch.linalg.svdvals(target.means)
    assert (spread[rank:] < 1e-9 * spread[0]).all()
    across = target.axes[0, :, : dimensions - rank]  # eigenvectors of the small variances
    assert (target.means @ across).abs().max() < 1e-6


@pytest.mark.parametrize(
    "source",
    [Ring(), RandomMixture(), Grid(), UnequalMixture(imbalance=1.0), LowRankMixture(dimensions=20, std=0.3)],
    ids=["ring", "random_mixture", "grid", "unequal_mixture", "low_rank_mixture"],
)
def test_draws_are_those_of_the_stated_target(source, assert_mean):
    points = source.load(SIZES, seed=1)
    target = GaussianMixture.from_json(points.target)
    x = torch.from_numpy(points.splits["train"]).double()
    assert source.known_score
    assert_mean(x.square().mean(-1), 1.0, within=0.02)
    mode = target.component_log_prob(x).argmax(-1)
    K = len(target.weights)
    nearest = target.mahalanobis(x)[torch.arange(len(x)), mode]
    within = 0.015 * x.shape[1] + 0.1
    assert_mean(nearest, float(x.shape[1]), within=within)  # chi-square with d degrees of freedom
    assert_mean(torch.nn.functional.one_hot(mode, K).double(), 1 / K, within=0.01)


@pytest.mark.parametrize("name", [name for name in parts.names("source") if name != "table"])
def test_contract_of_every_source(name):
    """Shapes as asked for; splits that share no row; the same rows for the same seed, others for another."""
    source = parts.build("source", name)
    sizes = {"train": 300, "validation": 40, "test": 100}
    points = source.load(sizes, seed=5)
    assert {split: x.shape for split, x in points.splits.items()} == {
        split: (count, source.dimension()) for split, count in sizes.items()
    }
    assert all(x.dtype == np.float32 and np.isfinite(x).all() for x in points.splits.values())
    rows = {row.tobytes() for x in points.splits.values() for row in x}
    assert len(rows) == 440
    again, other = source.load(sizes, seed=5), source.load(sizes, seed=6)
    assert all(np.array_equal(points.splits[s], again.splits[s]) for s in SPLITS)
    assert not np.array_equal(points.splits["train"], other.splits["train"])
    assert points.licence
    assert points.origin
    assert (points.target is not None) == source.known_score


def test_digits():
    """1,797 real images: mean 0 per pixel and one scale, 1, for all; grey levels come back when undone."""
    from sklearn.datasets import load_digits

    points = Digits().load({}, seed=1)
    train = points.splits["train"].astype(np.float64)
    assert [len(points.splits[s]) for s in SPLITS] == [int(0.7 * 1797), int(0.1 * 1797), int(0.2 * 1797)]
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-6)
    assert (train**2).mean() == pytest.approx(1, abs=1e-6)
    assert points.image == (8, 8)
    grey = points.splits["test"] * np.array(points.scale) + np.array(points.shift)
    assert len(set(points.scale)) == 1
    known = {row.astype(np.uint8).tobytes() for row in load_digits().data}
    # half a grey level of noise and float32: rounding gives the integers back, but for a value at the very edge
    found = [np.clip(np.rint(row), 0, 16).astype(np.uint8).tobytes() in known for row in grey]
    assert np.mean(found) > 0.99


def test_digits_are_dequantised():
    """No pixel is constant: without the noise, some are 0 in every image, and have no density."""
    points = Digits().load({}, seed=1)
    spread = points.splits["train"].std(0) * points.scale[0]
    assert spread.min() > 0.25  # the standard deviation of the noise alone is 1 / sqrt 12 = 0.289


@given(n=st.integers(20, 200), seed=st.integers(0, 100))
def test_split_is_a_partition_in_random_order(n, seed):
    rows = np.arange(n)[:, None]
    splits = split_rows(rows, {}, seed)
    together = np.concatenate([splits[s] for s in SPLITS])[:, 0]
    assert len(set(together)) == len(together) >= n - 3
    assert [len(splits[s]) for s in SPLITS] == [int(share * n) for share in (0.7, 0.1, 0.2)]
    sized = split_rows(rows, {"train": 3, "validation": 2, "test": 4}, seed)
    assert [len(sized[s]) for s in SPLITS] == [3, 2, 4]
    if n > 50:
        assert not np.array_equal(together, np.sort(together))


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(9, {}), (100, {"train": 101}), (100, {"train": 50, "validation": 26, "test": 25}), (100, {"train": 95})],
)
def test_too_few_rows(n, sizes):
    with pytest.raises(ValueError, match=rf"the data have {n} rows, which do not give train \d+, validation \d+, test"):
        split_rows(np.zeros((n, 2)), sizes, 0)


def test_standardisation_uses_the_training_rows_only():
    generator = np.random.default_rng(1)
    splits = {s: generator.normal(5, 3, (200, 3)) * [1, 10, 100] for s in SPLITS}
    per_column, shift, scale = standardise(splits, per_column=True)
    np.testing.assert_allclose(per_column["train"].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(per_column["train"].std(0), 1, atol=1e-6)
    expected = (splits["test"] - splits["train"].mean(0)) / splits["train"].std(0)
    np.testing.assert_allclose(per_column["test"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(per_column["test"] * scale + shift, splits["test"], rtol=1e-5)
    whole, _, scale = standardise(splits, per_column=False)
    assert (whole["train"].astype(np.float64) ** 2).mean() == pytest.approx(1, abs=1e-6)
    assert len(set(scale)) == 1


def test_constant_columns_and_constant_data():
    constant = {s: np.column_stack([np.arange(10.0), np.full(10, 3.0)]) for s in SPLITS}
    done, _, scale = standardise(constant, per_column=True)
    assert (done["train"][:, 1] == 0).all()
    assert scale[1] == 1
    with pytest.raises(ValueError, match="all training rows are the same"):
        standardise({s: np.full((10, 2), 3.0) for s in SPLITS}, per_column=False)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("ring", {"components": 1}, "components"),
        ("ring", {"std": 1.0}, "std: .*less than 1"),
        ("random_mixture", {"std_min": 0.3, "std_max": 0.2}, r"std_min 0.3 <= std_max 0.2 < 1 must hold"),
        ("random_mixture", {"dimensions": 0}, "dimensions"),
        ("grid", {"side": 1}, "side"),
        ("linear_gaussian", {"exponent": -1}, "exponent"),
        ("unequal_mixture", {"std_min": 0.3, "std_max": 0.2}, r"std_min 0.3 <= std_max 0.2 < 1 must hold"),
        ("unequal_mixture", {"imbalance": 0.5}, "imbalance"),
        ("low_rank_mixture", {"rank": 100}, "rank 100 must be below dimensions 100"),
        ("low_rank_mixture", {"dimensions": 3, "std": 1.5}, "leaves nothing of 1 for the centres"),
        ("digits", {"size": 8}, "unknown name 'size'; allowed: none"),
        ("table", {}, "path: is required"),
    ],
)
def test_options_are_checked(name, options, text):
    with pytest.raises(BadOptions, match=text):
        parts.build("source", name, options)
