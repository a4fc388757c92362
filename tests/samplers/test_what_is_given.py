"""What people hand to samplers: ladders, shapes, generators, scores; the right samples or one sentence."""

from __future__ import annotations

import math
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scorebench import parts
from scorebench.parts import EnergyScore
from scorebench.samplers import sampler

SAMPLERS = parts.names("sampler")
MANY_LEVELS = [name for name in SAMPLERS if name not in ("langevin", "mala")]
QUICK = {name: {} if name == "probability_flow_dopri5" else {"steps": 4} for name in SAMPLERS}
LADDER = torch.tensor([10.0, 3.0, 1.0, 0.3, 0.1], dtype=torch.float64)
each_sampler = pytest.mark.parametrize("name", SAMPLERS)


def score_of(x: Tensor, sigma: Tensor) -> Tensor:
    return -x / (1 + sigma.square())[..., None]


NORMAL = EnergyScore(score_of, lambda x, s: 0.5 * x.square().sum(-1) / (1 + s.square()))


def draw(name: str, ladder: object = LADDER, score: object = NORMAL, **given: object) -> Tensor:
    return sampler(name, **QUICK[name])(score, ladder, **({"shape": (5, 2), "generator": 1} | given))


@each_sampler
@pytest.mark.parametrize(
    "ladder",
    [
        LADDER.tolist(),
        LADDER.numpy(),
        LADDER.flip(0).flip(0),
        LADDER.repeat(2, 1).T[:, 0],
        LADDER.flip(0).numpy()[::-1],
    ],
    ids=["list", "array", "tensor", "strided", "turned round"],
)
def test_ladders_of_any_make(name, ladder):
    plain = torch.tensor(ladder) if isinstance(ladder, list) else LADDER
    x = draw(name, ladder)
    assert x.dtype == plain.dtype
    torch.testing.assert_close(x, draw(name, plain), rtol=0, atol=0)


@each_sampler
def test_whole_numbers_are_noise_levels(name):
    torch.testing.assert_close(
        draw(name, torch.tensor([9, 3, 1])), draw(name, torch.tensor([9.0, 3.0, 1.0])), rtol=0, atol=0
    )
    torch.testing.assert_close(draw(name, [9, 3, 1]), draw(name, [9.0, 3.0, 1.0]), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["langevin", "mala"])
def test_a_number_is_one_level(name):
    assert torch.equal(draw(name, 0.5), draw(name, torch.tensor([0.5])))


@pytest.mark.parametrize("name", MANY_LEVELS)
def test_a_last_level_of_0_is_the_denoising_step(name):
    """Which all of them end with: other libraries append the 0, and the score isn't asked there (nan with ln sigma)."""
    assert torch.equal(draw(name, torch.cat([LADDER, torch.zeros(1)])), draw(name))


@each_sampler
@pytest.mark.parametrize(
    ("ladder", "error", "text"),
    [
        (
            LADDER.flip(0),
            ValueError,
            r"must descend .* given: 0\.1 before 0\.3 \(levels 0 and 1 of 5\); ladder\.flip\(0\)",
        ),
        ([1.0, 0.1, 0.5], ValueError, r"given: 0\.1 before 0\.5 \(levels 1 and 2 of 3\)$"),
        ([10.0, math.nan, 0.1], ValueError, "finite and not negative; given: nan at 1"),
        ([math.inf, 0.1], ValueError, "given: inf at 0"),
        ([1.0, -0.1], ValueError, r"given: -0\.1\d* at 1"),
        ([[10.0, 1.0]], ValueError, r"one axis, \(levels,\).* given: \(1, 2\)"),
        ([], ValueError, r"given: \(0,\)"),
        ("edm", TypeError, r"ladder must be real numbers, as \[10\.0, 1\.0, 0\.1\] are; given: .*'edm'"),
        (None, TypeError, "given: None"),
        ([True, False], TypeError, "given: bool"),
    ],
)
def test_ladders_that_are_none(name, ladder, error, text):
    with pytest.raises(error, match=text):
        draw(name, ladder)


@pytest.mark.parametrize("name", MANY_LEVELS)
@pytest.mark.parametrize("ladder", [[1.0], [1.0, 0.0], [0.0], [2.0, 2.0], 0.5])
def test_one_level_is_no_range(name, ladder):
    with pytest.raises(
        ValueError, match=r"two different ones above 0 at least; given: .* \(langevin and mala walk at one\)"
    ):
        draw(name, ladder)


@each_sampler
def test_a_seed_is_a_generator(name):
    assert torch.equal(draw(name, generator=7), draw(name, generator=torch.Generator().manual_seed(7)))
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator.*given: 'seven'"):
        draw(name, generator="seven")


@each_sampler
@pytest.mark.parametrize("shape", [(5,), (5, 0), (0, 2), (1, 1, 1, 2)])
def test_shapes_of_any_length(name, shape):
    x = sampler(name, **QUICK[name])(NORMAL, LADDER, torch.Size(shape), 0)
    assert x.shape == shape
    assert bool(x.isfinite().all())


@each_sampler
@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"shape": 5}, TypeError, r"shape must be a list of whole numbers, as \(1000, 2\) is; given: 5"),
        ({"shape": (2.5, 2)}, TypeError, r"given: \(2\.5, 2\)"),
        ({"shape": ()}, ValueError, r"shape \(\) has no event of 1 axes"),
        ({"shape": (-1, 2)}, ValueError, r"shape \(-1, 2\)"),
        ({"event": 3}, ValueError, r"shape \(5, 2\) has no event of 3 axes"),
        ({"event": 0}, ValueError, "no event of 0 axes"),
    ],
)
def test_shapes_that_are_none(name, given, error, text):
    with pytest.raises(error, match=text):
        draw(name, **given)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "mala"])
def test_scores_of_another_shape_are_refused(name):
    """(n,) for d = 1 would broadcast to (n, n)."""
    with pytest.raises(
        ValueError, match=r"return the shape \(6, 1\) for x \(6, 1\) and sigma \(6,\); it returned \(6,\)"
    ):
        draw(name, score=lambda x, s: -x[:, 0], shape=(6, 1))
    with pytest.raises(TypeError, match="score must return a tensor of real numbers; it returned a list"):
        draw(name, score=lambda x, s: x.tolist())
    with pytest.raises(TypeError, match="score must be a function of x and sigma; given: a Tensor"):
        draw(name, score=LADDER)
    with pytest.raises(RuntimeError, match="their own words"):
        draw(name, score=lambda x, s: (_ for _ in ()).throw(RuntimeError("their own words")))


@pytest.mark.parametrize("wrong", [lambda x, s: x.square().sum(-1, keepdim=True), lambda x, s: x.square().sum()])
def test_energies_of_another_shape_are_refused(wrong):
    with pytest.raises(ValueError, match=r"energy must return the shape \(5,\) for x \(5, 2\)"):
        draw("mala", score=EnergyScore(score_of, wrong))
    with pytest.raises(ValueError, match="the energy can't be differentiated in x"):
        draw("mala", score=EnergyScore(score_of, lambda x, s: x.detach().sum(-1)))


@each_sampler
@pytest.mark.parametrize(("own", "other"), [(torch.float32, torch.float64), (torch.float64, torch.float32)])
def test_networks_are_asked_in_their_own_dtype(name, own, other):
    """A layer refuses another dtype than its own; the samples are those of the same layer in the ladder's."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(2, 2)

    def through(layer: torch.nn.Linear) -> EnergyScore:
        return EnergyScore(
            lambda x, s: score_of(x, s) + 0.01 * layer(x),
            lambda x, s: NORMAL.energy(x, s) + 0.01 * layer(x).sum(-1).cos(),
        )

    x = draw(name, LADDER.to(other), through(layer.to(own)))
    assert x.dtype == other
    torch.testing.assert_close(x, draw(name, LADDER.to(other), through(layer.to(other))), rtol=0, atol=1e-4)


@each_sampler
def test_no_graph_is_kept(name):
    """Of all that the score returned along the way, only what it returned last may still live."""
    layer, alive = torch.nn.Linear(2, 2, dtype=torch.float64), []

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        s = score_of(layer(x), sigma)
        alive.append(weakref.ref(s))
        assert sum(ref() is not None for ref in alive) <= 2
        return s

    x = draw(name, score=EnergyScore(score, lambda x, s: (0.5 * layer(x).square()).sum(-1)))
    assert not x.requires_grad
    assert layer.weight.grad is None


def test_a_score_that_differentiates_itself_needs_no_mode():
    """An energy's gradient, taken inside the score: samplers leave autograd on."""

    def score(x: Tensor, sigma: Tensor) -> Tensor:
        x = x.requires_grad_()
        return -torch.autograd.grad(NORMAL.energy(x, sigma).sum(), x)[0]

    torch.testing.assert_close(draw("probability_flow", score=score), draw("probability_flow"))


@given(st.lists(st.one_of(st.floats(-1, 20), st.integers(-1, 20), st.sampled_from([math.nan, math.inf])), max_size=5))
def test_any_list_gives_samples_or_one_sentence(levels):
    """The right samples of N(0, I) are bounded by 6 standard deviations of what noise is left; else a sentence."""
    good = bool(levels) and all(math.isfinite(v) and v >= 0 for v in levels) and levels == sorted(levels)[::-1]
    positive = [v for v in levels if np.float32(v) > 0]
    good = good and len(positive) > 1 and np.float32(positive[0]) > np.float32(positive[-1])
    if good:
        x = sampler("probability_flow", steps=40)(score_of, levels, (20, 2), 0)
        assert x.shape == (20, 2)
        assert float(x.abs().max()) < 6 * max(1.0, 0.5 * float(positive[0]))
        return
    with pytest.raises((TypeError, ValueError), match=r"^[^\n]*(ladder|levels)[^\n]*$"):
        sampler("probability_flow", steps=40)(score_of, levels, (20, 2), 0)


@settings(max_examples=40)
@given(
    name=st.sampled_from(SAMPLERS),
    batch=st.lists(st.integers(0, 3), max_size=3),
    event=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    make=st.sampled_from([Tensor.double, Tensor.float, Tensor.numpy, Tensor.tolist]),
    seed=st.integers(0, 2**31),
)
def test_any_shape_holds_the_samples_of_a_flat_one(name, batch, event, make, seed):
    """Batch and event axes only say how the same numbers lie; the dtype is the ladder's, float32 from lists."""
    ladder = make(LADDER)

    def flat(x: Tensor, sigma: Tensor) -> Tensor:
        return score_of(x.flatten(sigma.ndim), sigma).reshape(x.shape)

    exact = EnergyScore(flat, lambda x, s: NORMAL.energy(x.flatten(s.ndim), s))
    x = draw(name, ladder, exact, shape=(*batch, *event), event=len(event), generator=seed)
    assert x.shape == (*batch, *event)
    assert x.dtype == torch.as_tensor(ladder).dtype
    rows = draw(name, ladder, NORMAL, shape=(math.prod(batch), math.prod(event)), generator=seed)
    tolerance = 1e-10 if x.dtype == torch.float64 else 1e-3
    torch.testing.assert_close(x.reshape(rows.shape), rows, rtol=0, atol=tolerance)


@each_sampler
@pytest.mark.parametrize("layer", [torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)], ids=["BatchNorm", "Dropout"])
def test_networks_in_training_mode_are_refused(name, layer):
    """What they say of a sample depends on the batch, or on chance; in eval mode it doesn't."""
    layer = layer.double()
    score = EnergyScore(lambda x, s: score_of(layer(x), s), lambda x, s: 0.5 * layer(x).square().sum(-1))
    with pytest.raises(parts.Unsuitable, match=r"those beside them, so a \w+ in training mode .* call eval\(\)"):
        draw(name, score=score)
    layer.eval()
    assert bool(draw(name, score=score).isfinite().all())
    layer.train()
