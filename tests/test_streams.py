"""Counted random streams: a draw depends on its counters and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scorebench.streams import Streams, integers, normal, seed_of, seeded, uniform

DRAWS = {
    "normal": lambda shape, generator: normal(shape, generator),
    "uniform": lambda shape, generator: uniform(shape, generator),
    "integers": lambda shape, generator: integers(1000, shape, generator),
}
each_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)


@each_draw
@pytest.mark.parametrize("shape", [(1,), (40,), (5, 7)])
def test_replicate_does_not_know_how_many_there_are(draw, shape):
    ten = draw((10, *shape), Streams(7, 10).at("noise", 3))
    for R in (1, 2, 9):
        assert torch.equal(draw((R, *shape), Streams(7, R).at("noise", 3)), ten[:R])


@each_draw
def test_replicates_purposes_steps_and_seeds_differ_and_repeat(draw):
    def one(seed: int, purpose: str, step: int, replicate: int) -> tuple[float, ...]:
        return tuple(draw((4, 20), Streams(seed, 4).at(purpose, step))[replicate].tolist())

    counters = [(seed, p, t, r) for seed in (0, 1) for p in ("noise", "probe") for t in (0, 1, 16) for r in range(4)]
    draws = [one(*c) for c in counters]
    assert len(set(draws)) == len(counters)
    assert draws == [one(*c) for c in counters]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 99), st.text(), st.integers(0, 10**6)), min_size=2))
def test_seeds_differ_where_counters_do(counters):
    counters = [c for c in counters if "/" not in c[2]]
    assert len({seed_of(*c) for c in counters}) == len(set(counters))
    assert all(0 <= seed_of(*c) < 2**63 for c in counters)


def test_seeds_are_those_of_other_machines_and_versions():
    """blake2b of 8 bytes, top 63 bits: results carry on only as long as this does not change."""
    import hashlib

    digest = hashlib.blake2b(b"(2026, 0, 'noise', 5)", digest_size=8).digest()
    assert seed_of(2026, 0, "noise", 5) == int.from_bytes(digest, "big") // 2


def test_streams_of_neighbouring_counters_are_independent():
    """Correlations of 64 streams of 2000 normals: 2016 pairs, each N(0, 1 / 2000); and normals over all of them."""
    n = 2000
    draws = torch.stack([normal((4, n), Streams(1, 4).at("noise", t)) for t in range(16)]).reshape(64, n).double()
    correlation = torch.corrcoef(draws)
    z = correlation[torch.triu(torch.ones(64, 64), 1) > 0] * n**0.5
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-4
    assert stats.kstest(draws.flatten().numpy(), "norm").pvalue > 1e-4


def test_ranges():
    i = integers(5, (3, 4000), Streams(1, 3).at("index"))
    assert i.dtype == torch.int64
    assert stats.chisquare(i.flatten().bincount(minlength=5).numpy()).pvalue > 1e-4
    u = uniform((3, 4000), Streams(1, 3).at("sigma"))
    assert stats.kstest(u.flatten().numpy(), "uniform").pvalue > 1e-4


@each_draw
def test_number_of_generators_must_fit(draw):
    with pytest.raises(ValueError, match="2 generators for a leading axis of 3"):
        draw((3, 4), Streams(1, 2).at("noise"))


def test_dtype_follows_the_tensor_alike():
    like = torch.zeros(1, dtype=torch.float64)
    for generator in (torch.Generator(), Streams(1, 2).at("x"), None):
        assert normal((2, 3), generator, like).dtype == torch.float64
        assert uniform((2, 3), generator, like).dtype == torch.float64
        assert integers(4, (2, 3), generator, like).dtype == torch.int64
    # float64 normals are drawn as such, not rounded ones
    assert not torch.equal(
        normal((2, 3), Streams(1, 2).at("x"), like).float().double(), normal((2, 3), Streams(1, 2).at("x"), like)
    )


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), 2**63 - 1])
def test_a_seed_is_the_generator_that_has_it(seed):
    expected = torch.randn(5, generator=torch.Generator().manual_seed(int(seed)))
    assert torch.equal(normal((5,), seeded(seed)), expected)


def test_generators_pass_the_border_as_they_are():
    one, several = torch.Generator(), Streams(0, 2).at("noise")
    assert seeded(None) is None
    assert seeded(one) is one
    assert seeded(several) is several


@each_draw
@pytest.mark.parametrize("given", [True, 0.5, "0", [], [0, 1], np.random.default_rng(0)])
def test_what_is_no_generator_is_refused_in_one_sentence(draw, given):
    for take in (seeded, lambda generator: draw((2,), generator)):
        with pytest.raises(TypeError, match=r"^generator must be a torch\.Generator, .* or None; given: .+$"):
            take(given)


@each_draw
def test_a_seed_is_refused_where_every_draw_would_be_the_same(draw):
    with pytest.raises(TypeError, match=r"torch\.Generator\(\)\.manual_seed\(0\).*given: 3$"):
        draw((2,), 3)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match=rf"between 0 and 2\^63 - 1; given: {seed}$"):
        seeded(seed)


def test_generators_of_no_axis_are_refused():
    with pytest.raises(ValueError, match="2 generators for a leading axis of no values"):
        normal((), Streams(0, 2).at("noise"))
