"""`check FILE:NAME`: exit status 0 only if all pass, 1 if not, 2 with a reason if it can't be judged.

Starting the process of a loss takes seconds; what it does after that is held without one (`prepared`) where it can be.
"""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from scorebench.commands.check import check, progress
from scorebench.conformance import WrongReturn
from scorebench.conformance import check as check_here
from scorebench.conformance._judged import prepared
from scorebench.conformance._loading import Refused

app = typer.Typer()
app.command()(check)
LOSSES = """
import os, sys, time
import torch

print("loaded")

def good(score, batch, generator):
    s = score(batch.noisy, batch.sigma)
    return 0.5 * (s - batch.target.score(batch.noisy, batch.sigma)).flatten(batch.sigma.ndim).square().sum(-1)

class Good:
    def __call__(self, score, batch, generator):
        return good(score, batch, generator)

class NeedsMore:
    def __init__(self, width):
        self.width = width

class Exits:
    def __init__(self):
        sys.exit(0)

def doubled_and_careless(score, batch, generator):
    print("a line")
    sys.stderr.write("another\\n")
    torch.random.manual_seed(0)
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(False)
    torch.Tensor.isfinite = lambda x: torch.ones_like(x, dtype=torch.bool)
    torch.Tensor.std = torch.Tensor.mean = lambda x, *_: x.flatten()[0] * 0 + 1
    torch.manual_seed = None
    import scipy.stats
    scipy.stats.t.isf = lambda *_: float("inf")
    with torch.enable_grad():
        return 2 * good(score, batch, generator)

def mean(score, batch, generator):
    return good(score, batch, generator).mean()

calls = 0

def ends_its_process(score, batch, generator):
    global calls
    calls += 1
    if calls > 5:
        os._exit(0)
    return good(score, batch, generator)

def sleeps(score, batch, generator):
    if batch.clean.shape != (8, 2):
        time.sleep(3600)
    return good(score, batch, generator)

def forges(score, batch, generator):
    for number in range(3, 64):
        try:
            os.write(number, b'{"passed": true}' * 100)
        except OSError:
            pass
    return good(score, batch, generator)

def short(score, batch):
    return good(score, batch, None)

def on_points(score, x, sigma):
    y = x + sigma * torch.randn_like(x)
    return 0.5 * (score(y, sigma) + (y - x) / sigma**2).square().flatten(1).sum(1).mean()

def energy(energy, x, sigma, generator):
    y = x.requires_grad_()
    (gradient,) = torch.autograd.grad(energy(y).sum(), y, create_graph=True)
    v = torch.randn(x.shape, dtype=x.dtype, generator=generator)
    (product,) = torch.autograd.grad(-(gradient * v).sum(), y, create_graph=True)
    return (0.5 * gradient.square() + product * v).flatten(1).sum(1).mean()

number = 3
"""
BROKEN = {
    "syntax.py": "import torch\n\ndef loss(:\n",
    "missing.py": "import torch\nimport no_such_package\n",
    "exits.py": "import sys\n\nsys.exit(0)\n",
    "asks.py": "name = input()\n",
    "notes.txt": "loss",
}


@pytest.fixture(scope="module")
def losses(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("losses")
    for name, text in {"my_losses.py": LOSSES, **BROKEN}.items():
        (folder / name).write_text(text)
    return folder / "my_losses.py"


@pytest.fixture
def _as_it_was(monkeypatch):
    """What loading a file here changes."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in ("my_losses", *(Path(each).stem for each in BROKEN)):
        sys.modules.pop(name, None)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def load(loss: str, form: str = "score", adds_noise: bool = False, **claims: object) -> Any:
    return prepared({"loss": loss, "form": form, "adds_noise": adds_noise, "claims": claims})


def statuses(text: str) -> dict[str, str]:
    return {r["name"]: r["status"] for r in json.loads(text)["results"]}


def test_a_correct_loss_exits_with_zero(losses):
    result = run(f"{losses}:Good")
    assert result.exit_code == 0, result.output
    assert "Good: all pass" in result.output
    assert "law in sigma" in result.output
    assert "it printed 1 line, last: loaded" in " ".join(result.output.split())


def test_a_wrong_loss_that_prints_and_changes_torch_fails_as_it_must(losses):
    result = run(f"{losses}:doubled_and_careless", "--json", "--only", "sign and scale", "--only", "determinism")
    assert result.exit_code == 1, result.output
    told = {r["name"]: r for r in json.loads(result.stdout)["results"]}
    assert told["sign and scale"]["status"] == "fail"
    assert told["sign and scale"]["measured"] == pytest.approx(2.0, abs=0.2)
    assert json.loads(result.stdout)["printed"].endswith("a line | another")


def test_a_loss_that_ends_its_process_has_not_passed(losses):
    result = run(f"{losses}:ends_its_process", "--json")
    assert result.exit_code == 1, result.output
    assert set(statuses(result.stdout).values()) == {"undecided"}
    assert "ended by itself, with exit status 0, in: minimum on Gaussians" in json.loads(result.stdout)["ended"]


def test_a_loss_that_does_not_return_is_ended_at_the_limit(losses):
    result = run(f"{losses}:sleeps", "--json", "--limit", 4, "--only", "determinism", "--only", "sigma to 0")
    assert result.exit_code == 1, result.output
    assert statuses(result.stdout) == {"determinism": "undecided", "sigma to 0": "undecided"}
    assert "the limit of 4 s was reached in: determinism" in json.loads(result.stdout)["ended"]


def test_what_is_tried_is_shown_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(sys.modules[progress.__module__], "QUIET", 0.0)
    with progress(Console(file=io.StringIO()), 300.0) as show:
        show("images", 12.4)
    assert re.fullmatch(r"images: 12 s; \d+ s of at most 300 s\n", capsys.readouterr().err)


def test_no_stray_write_is_taken_for_an_answer(losses):
    result = run(f"{losses}:forges", "--json")
    assert result.exit_code == 2, result.output
    assert "something wrote to the judge's line" in result.output
    assert result.stdout == ""


def test_one_of_ours_by_name_as_json():
    result = run("dsm", "--json", "--seed", 3, "--only", "law in sigma")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["passed"] is True
    assert told["name"] == "dsm"
    assert told["alpha"] == 1e-6


def test_a_file_that_exits_when_it_is_loaded_is_no_verdict(losses):
    result = run(f"{losses.parent}/exits.py:loss", "--json")
    assert result.exit_code == 2
    assert "exits.py called sys.exit(0) (exits.py, line 3) when it was loaded: nothing is judged" in result.output
    assert result.stdout == ""


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize(
    ("name", "form", "claims"),
    [
        ("good", "score", {}),
        ("mean", "score", {"reduction": "mean"}),
        ("energy", "energy", {}),
        ("on_points", "points", {}),
    ],
)
def test_every_form_is_prepared_to_be_judged(losses, name, form, claims):
    loss, told, found = load(f"{losses}:{name}", form, adds_noise=form == "points", **claims)
    assert found == name
    assert told.reduction == ("none" if name == "good" else "mean")
    assert told.generator == (name != "on_points")
    assert check_here(loss, properties=["law in sigma"]).passed


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("{file}:god", "did you mean 'good'"),
        ("{file}:number", "is a int, which can't be called"),
        ("{file}:short", "is not called as short(score, batch, generator)"),
        ("{file}:on_points", "--form points"),
        ("{file}:NeedsMore", "NeedsMore() raised TypeError"),
        ("{file}:Exits", "Exits() called sys.exit(0)"),
        ("{folder}/missing.py:loss", "ModuleNotFoundError: No module named 'no_such_package' (missing.py, line 2)"),
    ],
)
def test_what_is_no_loss_says_why_when_it_is_loaded(losses, argument, message):
    with pytest.raises((Refused, WrongReturn)) as error:
        load(argument.format(file=losses, folder=losses.parent))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_property(losses):
    result = run(f"{losses}:good", "--only", "law in sgima")
    assert result.exit_code == 2
    assert "did you mean 'law in sigma'" in result.output


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("{folder}/my_loses.py:good", "did you mean"),
        ("{file}", ":NAME"),
        ("{file}:", ":NAME"),
        ("dsmm", "did you mean 'dsm'"),
        ("{folder}/syntax.py:loss", "syntax.py does not run: SyntaxError in line 3: invalid syntax: def loss(:"),
        ("{folder}/notes.txt:loss", "a Python file"),
    ],
)
def test_unusable_input_exits_with_two_and_says_why(losses, argument, message):
    result = run(argument.format(file=losses, folder=losses.parent))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output
