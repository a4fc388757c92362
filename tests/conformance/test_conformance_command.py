"""`check FILE:NAME`: exit status 0 only if all pass, 1 if not, 2 with a reason if it can't be judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scorebench.commands.check import check

app = typer.Typer()
app.command()(check)
CLEAN = """
import torch

def good(score, batch, generator):
    s = score(batch.noisy, batch.sigma)
    return 0.5 * (s - batch.target.score(batch.noisy, batch.sigma)).flatten(batch.sigma.ndim).square().sum(-1)

class Good:
    def __call__(self, score, batch, generator):
        return good(score, batch, generator)

class NeedsMore:
    def __init__(self, width):
        self.width = width

def doubled(score, batch, generator):
    return 2 * good(score, batch, generator)

def mean(score, batch, generator):
    return good(score, batch, generator).mean()

def raises(score, batch, generator):
    raise ZeroDivisionError("nothing to divide by")

def short(score, batch):
    return good(score, batch, None)

def energy(energy, x, sigma, generator):
    y = x.requires_grad_()
    (gradient,) = torch.autograd.grad(energy(y).sum(), y, create_graph=True)
    v = torch.randn(x.shape, dtype=x.dtype, generator=generator)
    (product,) = torch.autograd.grad(-(gradient * v).sum(), y, create_graph=True)
    return (0.5 * gradient.square() + product * v).flatten(1).sum(1).mean()

number = 3
"""


@pytest.fixture(scope="module")
def losses(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("losses") / "my_losses.py"
    file.write_text(CLEAN)
    return file


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


LAW = ("--only", "law in sigma")


def test_a_correct_loss_exits_with_zero(losses):
    result = run(f"{losses}:good")
    assert result.exit_code == 0, result.output
    assert "good: all pass" in result.output
    assert "law in sigma" in result.output


def test_a_class_is_built(losses):
    result = run(f"{losses}:Good", *LAW)
    assert result.exit_code == 0, result.output
    assert "Good: all pass" in result.output


def test_one_of_ours_by_name_as_json():
    result = run("dsm", "--json", "--seed", 3, *LAW)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["passed"] is True
    assert told["name"] == "dsm"
    assert told["alpha"] == 1e-6


def test_a_wrong_loss_exits_with_one_and_a_declared_factor_mends_it(losses):
    result = run(f"{losses}:doubled", "--json", "--only", "sign and scale")
    assert result.exit_code == 1
    failed = {r["name"]: r for r in json.loads(result.stdout)["results"] if r["status"] == "fail"}
    assert failed["sign and scale"]["measured"] == pytest.approx(2.0, abs=0.2)
    assert run(f"{losses}:doubled", "--scale", 2, "--only", "sign and scale").exit_code == 0


def test_a_mean_is_declared(losses):
    assert run(f"{losses}:mean", "--reduction", "mean", *LAW).exit_code == 0


def test_an_exception_of_the_loss_is_shown_with_the_property(losses):
    result = run(f"{losses}:raises", "--json")
    assert result.exit_code == 1
    told = {r["name"]: r["note"] for r in json.loads(result.stdout)["results"]}
    assert "ZeroDivisionError: nothing to divide by" in told["law in sigma"]


def test_an_energy_loss(losses):
    assert run(f"{losses}:energy", "--form", "energy", *LAW).exit_code == 0


def test_an_unknown_property(losses):
    result = run(f"{losses}:good", "--only", "law in sgima")
    assert result.exit_code == 2
    assert "did you mean 'law in sigma'" in result.output


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("{folder}/my_loses.py:good", "did you mean"),
        ("{file}:god", "did you mean 'good'"),
        ("{file}", ":NAME"),
        ("{file}:", ":NAME"),
        ("{file}:number", "is a int, which can't be called"),
        ("{file}:short", "is not called as short(score, batch, generator)"),
        ("{file}:NeedsMore", "NeedsMore() raised TypeError"),
        ("dsmm", "did you mean 'dsm'"),
        ("{file}:mean", "--reduction mean"),
        ("{folder}/broken.py:loss", "does not run: SyntaxError"),
        ("{folder}/notes.txt:loss", "a Python file"),
    ],
)
def test_unusable_input_exits_with_two_and_says_why(losses, argument, message):
    (losses.parent / "broken.py").write_text("def loss(:\n")
    (losses.parent / "notes.txt").write_text("loss")
    result = run(argument.format(file=losses, folder=losses.parent))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
