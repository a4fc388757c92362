"""docs/conformance.md: the verdict on every loss of ours and of the peers, made anew each time it is written."""

from __future__ import annotations

import importlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scorebench.conformance import ALPHA, LOOKS, PROPERTIES, Report, check
from scorebench.objectives import objective

PEERS = ("ebmkit", "torchebm")
SIGNS = {"pass": "🟢 pass", "fail": "🔴 **fail**", "undecided": "🟡 undecided", "not applicable": "–"}

HEAD = """# Conformance

Made by `{command}` on {date}: torch {torch}, Python {python}. Do not edit: run it again.

`scorebench check FILE:NAME` holds a score matching loss against closed-form truth. The loss gets score models around
the exact score of Gaussian families, s_theta = s* + sum_k theta_k f_k, for which the objective
J(theta; sigma) = 1/2 E||s_theta - s*||^2 = 1/2 theta'G theta is known exactly
(`src/scorebench/conformance/_families.py`).

| property | what is tested |
|---|---|
| minimum on Gaussians | d = 1, 2, 10, 50; isotropic, anisotropic, rotated, shifted: no expected gradient at the truth |
| minimum on mixtures | three components, d = 1, 2, 10, 50, and narrow peaks, d = 1, 2: likewise |
| images | events C x H x W: minimum, scale, gradient and value |
| sign and scale | the slope of the expected gradient against that of J, away from the truth, is the declared factor |
| unbiased gradient | every component of the expected gradient is G theta |
| unbiased value | E[l(theta)] - E[l(truth)] = 1/2 theta'G theta |
| law in sigma | the same factor before J at sigma = 0.05, 0.3, 1.5 and 6, all in one batch |
| variance 1/M in the probes | ln(M Var_M / Var_1) is at most 0 for M = 4 |
| E[v v'] = I | every entry in three dimensions, read off the gradient at the score 0 |
| batch layout | other neighbours, and the batch arranged as (a, b), change nothing |
| plain networks | networks that take (n, *event) and (n,) only, and labels that one holds of the samples, in order |
| determinism | the same generator gives the same bits, whatever torch's global generator does |
| sigma to 0 | finite, variance growing no faster than sigma^-2; a finite number at sigma = 0 is right |

Each test is a t-test on independent blocks of fresh data. One that is too noisy to find what it looks for gets twice as
many blocks, and again, up to {looks} looks; if it is still too noisy it is *undecided*, which does not pass. All tests
of a verdict, at all their looks, together raise a false alarm with probability {alpha:g} at most (Bonferroni). Offsets
of a minimum, and biases of a gradient, are in units of the typical norm of the score. What a loss does not claim is not
applicable (–), which is no pass either.

## A loss of your own

    scorebench check my_losses.py:my_loss          # loss(score, batch, generator) -> one value per sample
    scorebench check my_losses.py:my_mean --reduction mean
    scorebench check my_losses.py:my_loss --form points --adds-noise    # loss(score, x, sigma, generator), x clean
    scorebench check my_losses.py:my_energy_loss --form energy          # loss(energy, x, sigma, generator), x noised
    scorebench check my_losses.py:MyLoss --scale 2 --weight sigma2 --json      # a convention of its own

Of the forms `points` and `energy`, sigma and generator may lack. Exit status 0: all pass; 1: something does not; 2:
it can't be judged, with the reason. In Python, `scorebench.conformance.check_file("my_losses.py:my_loss")` does the
same, and `check(loss, **claims)` judges a loss in the process that it is called in; both return the report. `Claims`
lists what can be claimed, and `from_points`, `from_energy` and `mean_loss` adapt other losses. A field or argument
`probes` is the number of probes, and `requires_noise = True` says that a loss is for sigma > 0.

The command runs the file in a process of its own, and asks that for one thing only: the values and gradients of the
loss on a batch. Data are drawn and verdicts made outside it, from whole answers on a line of their own. So a file may
print, exit, seed the global generators or change torch as it likes: that decides what its loss returns, and no more.
A loss that ends its process has not passed what was not judged by then; nor has one that takes longer than `--limit`
(300 s), which is ended, and what is tried meanwhile is shown.
"""


def mark(report: Report, name: str) -> str:
    """A cell of the table."""
    return SIGNS[report[name].status]


def table(reports: dict[str, Report], conventions: dict[str, str]) -> list[str]:
    """Losses down, properties across."""
    lines = [
        f"| loss | factor before J, as declared | {' | '.join(PROPERTIES)} |",
        "|" + "---|" * (len(PROPERTIES) + 2),
    ]
    for title, report in reports.items():
        cells = " | ".join(mark(report, name) for name in PROPERTIES)
        lines.append(f"| {title} | {conventions.get(title) or '1'} | {cells} |")
    return lines


def reasons(reports: dict[str, Report]) -> list[str]:
    """What was measured where a loss does not pass."""
    lines = []
    for title, report in reports.items():
        for name in report.failed:
            r = report[name]
            told = "; ".join(part for part in (r.note, f"{r.number} at {r.where}" if r.number else "") if part)
            lines.append(f"- **{title}**, {name}: {told}")
    return lines or ["Nothing failed."]


def write(page: Path, rates: list[str], summary: str, ours: dict[str, dict[str, Any]], command: str) -> None:
    """Judge every loss once more, at seed 0, and write the page."""
    head = HEAD.format(
        command=command,
        date=datetime.now(UTC).date().isoformat(),
        torch=version("torch"),
        python=platform.python_version(),
        alpha=ALPHA,
        looks=LOOKS,
    )
    parts = [head, "## Our objectives\n"]
    reports = {title: check(objective(o["name"], **o["options"])) for title, o in ours.items()}
    changed = {t: f"changes the objective: {r.changes_objective}" for t, r in reports.items() if r.changes_objective}
    parts += ["\n".join(table(reports, changed)), "\n".join(reasons(reports))]
    for peer in PEERS:
        adapters = importlib.import_module(f"peers.{peer}")
        losses = adapters.LOSSES
        reports = {title: check(p.loss) for title, p in losses.items()}
        parts += [f"## {peer} {version(peer)}\n\nThrough `benchmarks/peers/{peer}.py`, in float64. {adapters.NOTE}"]
        parts += ["\n".join(table(reports, {t: p.convention for t, p in losses.items()})), "\n".join(reasons(reports))]
    parts += [
        "## How often the judge is wrong\n\nCounted over seeds that no development ever saw, every verdict on data of"
        " its own, on a machine that had other work. `python benchmarks/judge.py --runs 200` goes on to 200 seeds each;"
        f" made so far:\n\n{summary}"
    ]
    parts += ["\n".join(rates)]
    page.write_text("\n\n".join(parts) + "\n")
    print(page)
