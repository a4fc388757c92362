"""What a loss is called with and returns: one sentence that helps where it is written for something else."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from scorebench.conformance import WrongReturn, check
from scorebench.conformance._signature import fits
from scorebench.objectives import Batch, objective


def dsm(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
    return objective("dsm")(score, batch)


def changed(change: Any) -> Any:
    return lambda score, batch, generator: change(dsm(score, batch, generator))


def fit_and_check(loss: Any) -> None:
    fits(loss, "loss", "score")
    check(loss)


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (changed(torch.mean), "mean_loss"),
        (changed(lambda v: v[..., None]), r"\(8, 1\) .*squeeze\(-1\)"),
        (changed(lambda v: v[..., None].expand(*v.shape, 2)), r"\(8, 2\) .*sum over the event"),
        (changed(lambda v: v[..., None] + v), r"\(8, 8\) .*were combined"),
        (changed(lambda v: (v, {})), "a tuple of 2"),
        (changed(lambda v: {"loss": v}), "a dict of 1"),
        (changed(lambda v: None), "nothing"),
        (changed(lambda v: float(v.mean())), "a float, which no gradient passes"),
        (changed(lambda v: v.detach().numpy()), r"a numpy\.ndarray, which no gradient passes"),
        (changed(lambda v: v.long()), r"torch\.int64; floating-point"),
        (changed(torch.Tensor.detach), "do not depend on the score"),
        (changed(lambda v: torch.ones_like(v, requires_grad=True)), "do not depend on the score"),
        (torch.no_grad()(dsm), "do not depend on the score"),
        (changed(lambda v: v * torch.nan), "returned nan for every sample"),
        (changed(lambda v: torch.full_like(v, torch.nan)), "returned nan for every sample"),
        (changed(lambda v: v.sum().backward() or v), r"must not call `\.backward\(\)` itself"),
        (changed(lambda v: 1 / 0), r"ZeroDivisionError: .*test_calls\.py, line"),
        (changed(lambda v: sys.exit(0)), r"sys\.exit\(0\)"),
        (lambda score, x, sigma: x + sigma, "--form points"),
        (lambda score, x, sigma: score(torch.randn_like(x), sigma), "--form points"),
        (lambda a, b, c: torch.randn_like(b), "clean, noise, sigma and noisy"),
        (lambda score, batch, generator: dsm(score, batch, generator) + torch.randn(2, 3) @ batch.noise[0], "float64"),
    ],
)
def test_what_can_not_be_judged_gets_one_sentence(loss, sentence):
    with pytest.raises(WrongReturn, match=sentence) as error:
        fit_and_check(loss)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("loss", "form", "sentence"),
    [
        (lambda model, x: x, "score", "--form points"),
        (lambda net, samples, sigmas, rng: samples, "score", "--form points"),
        (lambda energy, x, sigma: x, "score", "--form energy"),
        (lambda x: x, "score", "no score model"),
        (lambda score, batch: batch, "score", "third argument"),
        (lambda batch, score, generator: batch, "score", "second"),
        (lambda score, x, sigma, labels, schedule: x, "score", "function around it"),
        (lambda x: x, "points", "no score model"),
        (lambda score, x, sigma, labels, schedule: x, "energy", "function around it"),
    ],
)
def test_a_loss_for_another_call_is_told_which_is_wanted_and_what_gives_it(loss, form, sentence):
    with pytest.raises(WrongReturn, match=r"is not called as|second") as error:
        fits(loss, "mine", form)
    assert sentence in str(error.value)
    assert "mine(" in str(error.value)


@pytest.mark.parametrize(
    ("loss", "form"),
    [
        (dsm, "score"),
        (lambda net, b, g=None: b, "score"),
        (lambda score, data, generator: data, "score"),
        (lambda *given: given, "score"),
        (objective("ssm_vr"), "score"),
        (lambda net, x, sigma=1.0, eps=1e-5: x, "points"),
    ],
)
def test_a_loss_that_fits_is_let_through(loss, form):
    fits(loss, "mine", form)


def test_a_fault_in_one_property_is_told_there_and_the_others_are_judged():
    def vectors_alone(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        s = score(batch.noisy, batch.sigma) + batch.noise / batch.scale
        return 0.5 * s.square().sum(-1)

    report = check(vectors_alone, noise="noised", properties=["images", "determinism"])
    assert report["images"].status == "fail"
    assert "(160, 2, 3)" in report["images"].note or "2, 3)" in report["images"].note
    assert "--vectors" in report["images"].note
    assert report["determinism"].status == "pass"


def test_values_that_are_not_finite_are_told_with_their_place():
    def partly(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        return torch.where(batch.sigma == 6.0, torch.inf, 1.0) * dsm(score, batch, generator)

    note = check(partly, noise="noised", properties=["law in sigma"])["law in sigma"].note
    assert "values are inf" in note
    assert "mixture, d = 2" in note


def test_a_loss_that_is_judged_here_leaves_no_trace():
    def careless(score: Any, batch: Batch, generator: torch.Generator) -> Tensor:
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
        batch.clean.zero_()
        with torch.enable_grad():
            return dsm(score, batch, generator)

    before = torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    check(careless, noise="noised", properties=["determinism"])
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == random.getstate()
    assert (before[2] == np.random.get_state()[1]).all()
