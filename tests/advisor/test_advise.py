"""The advisor: closed forms, published settings, and laws that advice must obey."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from scorebench import parts
from scorebench.advisor import advise
from scorebench.noise import advise as from_noise
from scorebench.noise._ncsnv2 import chi_overlap, technique2, technique4
from scorebench.study import keys

SCALES = ("sigma_max", "sigma_min", "sigma_opt", "sigma_kernel", "sigma_local", "sigma_thin", "sigma_data")


def gaussian(n: int = 1000, d: int = 10, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def codes(data, **options) -> set[str]:
    return {caution.code for caution in advise(data, **options).warnings}


def test_it_is_found_under_noise():
    assert from_noise is advise
    with pytest.raises(ImportError, match="advice"):
        from scorebench.noise import advice  # noqa: F401


def test_keys_see_that_noise_gives_advice_and_that_no_schedule_hangs_on_it():
    advice = "scorebench.noise._advice"
    assert advice in keys.closure("scorebench.noise")
    assert advice in keys.closure("scorebench.advisor")
    for name in parts.names("schedule"):
        assert advice not in keys.closure(parts.module("schedule", name))


def test_values_follow_their_rules():
    x = 3 * gaussian(500, 12)
    a = advise(x)
    assert (a.points, a.dimension) == (500, 12)
    assert a.sigma_max == pytest.approx(pdist(x).max(), rel=1e-12)
    assert a.ratio == technique2(12)
    assert a.levels == 1 + round(math.log(a.sigma_max / a.sigma_min) / math.log(a.ratio))
    assert a.langevin_step == technique4(a.ratio, a.sigma_min, 5)
    assert a.sigma_data == pytest.approx((x - x.mean(0)).std(), rel=1e-12)
    assert a.P_mean == pytest.approx(-1.2 + math.log(a.sigma_data / 0.5), rel=1e-12)
    assert a.sigma_local <= a.sigma_thin
    assert a.sigma_opt == pytest.approx(a.sigma_local * 17.7 * 384_000**-0.25, rel=1e-12)
    assert a.sigma_kernel == pytest.approx(a.sigma_local * (4 / 16) ** (1 / 18) * 500 ** (-1 / 18), rel=1e-12)
    assert a.warnings == ()


def test_cifar10_s_dimension_gives_the_published_ladder():
    """From 50 to 0.01 technique 2's ratio at D = 3072 makes 219 levels; images of 3 x 32 x 32 have that dimension."""
    a = advise(np.random.default_rng(0).uniform(size=(60, 3, 32, 32)))
    assert a.dimension == 3072
    assert 1 + round(math.log(5000) / math.log(a.ratio)) == 219
    assert {w.code for w in a.warnings} == {"few_points"}


def test_the_step_is_that_of_the_sampler():
    """NCSNv2 adds alpha s + sqrt(2 alpha) z, alpha = epsilon at sigma_min; `annealed_langevin` halves and has no 2."""
    a = advise(gaussian())
    assert a.step * a.sigma_min**2 / 2 == pytest.approx(a.langevin_step, rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(2000, 1), (2000, 2), (2000, 10), (1000, 64), (400, 300)])
def test_local_scale_of_a_gaussian_is_its_standard_deviation(n, d):
    for seed in range(3):
        assert advise(0.3 * gaussian(n, d, seed)).sigma_local == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    ("source", "options", "std", "rel"),
    [
        ("ring", {"components": 8, "std": 0.15}, 0.15, 0.1),
        ("random_mixture", {"components": 8, "dimensions": 10, "std_min": 0.1, "std_max": 0.2}, 0.1, 0.2),
    ],
)
def test_local_scale_of_a_mixture_is_the_least_of_a_component(source, options, std, rel):
    """Not the overall one, which is 1, nor that of the components' wider directions."""
    x = parts.build("source", source, options).load({"train": 3000}, 0).splits["train"]
    a = advise(x)
    assert a.sigma_local == pytest.approx(std, rel=rel)
    assert a.sigma_data == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("n", [1000, 10_000])
def test_sigma_opt_is_the_measured_one(n):
    """studies/noise.yaml: 0.11 after 1,500 steps of 256 whether on 1,000 or 10,000 points; 0.058 after ten times."""
    x = parts.build("source", "ring", {"components": 8, "std": 0.15}).load({"train": n}, 0).splits["train"]
    assert advise(x, gradient_samples=1500 * 256).sigma_opt == pytest.approx(0.11, rel=0.1)
    assert advise(x, gradient_samples=15_000 * 256).sigma_opt == pytest.approx(0.058, rel=0.1)


def test_sigma_opt_says_for_how_many_gradient_samples_it_holds():
    x = gaussian(500, 3)
    assert "N = 384,000 gradient samples" in advise(x).reasons["sigma_opt"].rule
    many = advise(x, gradient_samples=38_400_000)
    assert many.gradient_samples == 38_400_000
    assert many.sigma_opt == pytest.approx(advise(x).sigma_opt / 100**0.25)
    assert advise(x, gradient_samples=10).sigma_opt == advise(x).sigma_local, "no more noise than the structure is wide"


@settings(max_examples=15, deadline=None)
@given(
    c=st.floats(1e-6, 1e6),
    n=st.integers(20, 400),
    d=st.integers(1, 20),
    seed=st.integers(0, 99),
    shift=st.floats(-3, 3),
)
def test_scales_scale_with_the_data_and_ignore_their_place(c, n, d, seed, shift):
    x = gaussian(n, d, seed)
    one, other = advise(x), advise(c * (x + shift))
    for name in SCALES:
        if getattr(one, name) is not None:  # no thinnest direction in a handful of points
            assert getattr(other, name) == pytest.approx(c * getattr(one, name), rel=1e-6), name
    assert other.sigma_max == pytest.approx(c * one.sigma_max, rel=1e-9)
    assert other.ratio == one.ratio
    assert other.P_mean - one.P_mean == pytest.approx(math.log(c), abs=1e-6)
    assert [w.code for w in other.warnings] == [w.code for w in one.warnings]


@pytest.mark.parametrize(("n", "d"), [(200, 3), (3000, 7)])
def test_the_order_of_rows_plays_no_part(n, d):
    """3,000 rows are more than the distances of which are taken, so the choice must not go by their place."""
    x = gaussian(n, d)
    one, other = advise(x), advise(np.random.default_rng(1).permutation(x))
    for name in (*SCALES, "P_mean", "langevin_step"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9), name
    assert other.levels == one.levels


def test_tensors_and_integers_are_data_too():
    x = gaussian(100, 3)
    assert advise(torch.tensor(x, requires_grad=True)) == advise(x)
    counts = np.random.default_rng(0).integers(0, 1000, (200, 6))
    assert advise(counts) == advise(counts.astype(float))


def test_dim_overrides_the_dimension():
    x = np.hstack([gaussian(500, 2), 1e-9 * gaussian(500, 8, 1)])
    a = advise(x, dim=2)
    assert a.dimension == 2
    assert a.ratio == chi_overlap(2)
    assert a.sigma_thin == pytest.approx(1, rel=0.1)
    assert "low_dimension" in {w.code for w in a.warnings}


@pytest.mark.parametrize("d", range(1, 13))
def test_low_dimensions_are_warned_of(d):
    """Up to 4 technique 2 has no solution, from 5 to 8 none of use; the ratio is then by the exact law."""
    a = advise(gaussian(200, d))
    expected = {"low_dimension"} if d <= 4 else {"loose_technique2"} if d <= 8 else set()
    assert {w.code for w in a.warnings} == expected
    assert a.ratio == (chi_overlap(d) if d <= 8 else technique2(d))
    assert ("exact law" in a.reasons["ratio"].source) == (d <= 8)


def test_repeated_rows_change_no_scale():
    """The local scale would be 0 if they did; n counts all of them."""
    x = gaussian(1000, 10)
    one, twice = advise(x), advise(np.vstack([x, x]))
    assert codes(np.vstack([x, x])) == {"duplicates"}
    assert twice.sigma_local == pytest.approx(one.sigma_local, rel=1e-9)
    assert twice.sigma_max == pytest.approx(one.sigma_max, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_handful_of_points_is_enough(n):
    a = advise(gaussian(n, 2))
    assert 0 < a.sigma_min < a.sigma_max


def test_summary_is_json_and_every_value_has_its_reason():
    a = advise(gaussian(100, 3))
    told = json.loads(json.dumps(a.summary()))
    assert told["sigma_max"] == a.sigma_max
    assert told["warnings"][0]["code"] == "low_dimension"
    not_advised = {"points", "dimension", "langevin_steps", "gradient_samples", "P_std", "step", "reasons", "warnings"}
    settings_given = set(told) - not_advised
    assert settings_given == set(told["reasons"])
    assert all(
        all(reason.values()) and set(reason) == {"rule", "source", "reason"} for reason in told["reasons"].values()
    )


def test_too_many_pairs_give_the_distance_of_one_and_say_so(monkeypatch):
    monkeypatch.setattr("scorebench.noise._advice.EXACT", 0)
    x = gaussian(500, 10)
    a = advise(x)
    (caution,) = a.warnings
    assert caution.code == "sigma_max_not_exact"
    assert 0.9 * pdist(x).max() <= a.sigma_max <= pdist(x).max() * (1 + 1e-12)
    assert float(str(caution).split("up to ")[1].split(":")[0]) >= pdist(x).max()


@pytest.mark.slow
def test_50000_points_of_64_values_take_seconds_and_little_memory():
    """To reach: 10 s and 2 GB on one core; CPU time, for a busy machine is not the advisor's fault."""
    import subprocess
    import sys

    code = (
        "import resource, time\nimport numpy as np\nfrom scorebench.advisor import advise\n"
        "x = np.random.default_rng(0).normal(size=(50_000, 64))\nstart = time.process_time()\nadvise(x)\n"
        "print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 10
    assert kilobytes < 2e6
