"""The page of answers says what the published numbers say, and no committed page says anything else."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import toy
from scipy import stats

from scorebench.evidence.table import Place
from scorebench.evidence.words import number
from scorebench.study.params import load
from studies.answers import made
from studies.answers import page as page_of
from studies.answers.__main__ import main
from studies.answers.figures import figures
from studies.answers.quotes import Quotes
from studies.answers.tables import chosen, emphasis, robustness, safe, singles, summary
from studies.answers.validity import validity

ROOT = Path(__file__).parents[2]
MATPLOTLIB = next(
    line.partition("==")[2].strip()
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line.lower().startswith("matplotlib==")
)


REGISTERED = {name: load(ROOT / f"studies/{name}.yaml").hypotheses for name in ("noise", "noise-quick", "hybrid")}


def page(studies):
    return page_of(studies, REGISTERED)


@pytest.fixture(scope="module")
def studies():
    return [toy.hybrid(), toy.data(), toy.noise()]


@pytest.fixture(scope="module")
def text(studies):
    return page(studies)


def test_the_committed_page_is_what_the_published_results_make(monkeypatch):
    """A number that was edited by hand, or results that changed without `make answers`, fail here."""
    monkeypatch.chdir(ROOT)
    for path, content in made().items():
        if path.suffix == ".svg" and importlib.metadata.version("matplotlib") != MATPLOTLIB:
            continue
        assert path.read_text(encoding="utf-8") == content, f"{path}: run `make answers`"


def test_check_finds_an_edited_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1, "the page is not there"
    assert main([]) == 0
    assert main(["--check"]) == 0
    path = tmp_path / "docs/answers.md"
    path.write_text(path.read_text().replace("published", "found"))
    assert main(["--check"]) == 1


def test_every_number_of_a_headline_is_that_of_the_results(text):
    """0.85 of DSM's error at equal evaluations, made so exactly."""
    assert "has 15 % less error than DSM (ratio 0.85 [" in text
    assert "has 70 % less error than DSM (ratio 0.30 [" in text
    assert "can't be told from DSM (ratio 1.00 [" in text
    assert "antithetic_stf-evaluations/log_uniform, with 0.30 [" in text
    assert "On real data, by the held-out loss and at equal evaluations, it has less error than DSM on digits." in text
    assert "The goal was 0.2: not reached" in text
    assert "The goal was 0.6: reached" in text


def test_words_turn_with_the_numbers():
    worse = toy.hybrid()
    place = Place("ring8", "antithetic_dsm-evaluations", "log_uniform", "", "D_integral")
    worse.values[place] = {r: 2 * v for r, v in worse.values[place].items()}
    said = page([worse])
    assert "has 70 % more error than DSM (ratio 1.70 [" in said
    assert "has 15 % less error than DSM" in said, "on the other data set"


def test_ratios_and_their_intervals(studies):
    """All twelve methods that are compared with DSM on a data set are a family."""
    q = Quotes(studies)
    found = q.compared("hybrid", "ring8", "stf/log_uniform", "dsm/log_uniform")
    a, b = (studies[0].of("ring8", cell, "D_integral") for cell in ("stf/log_uniform", "dsm/log_uniform"))
    logs = np.log([a[r] / b[r] for r in range(10)])
    assert found is not None
    assert found.estimate == pytest.approx(math.exp(logs.mean()))
    t = stats.t.ppf(1 - 0.025 / (len(toy.METHODS) - 1), 9)
    assert found.low == pytest.approx(math.exp(logs.mean() - t * logs.std(ddof=1) / 10**0.5), rel=1e-9)


def test_variants_are_a_family_of_their_own(studies):
    found = Quotes(studies).compared("noise", "ring8", "dsm-wider/edm", "dsm-wider/log_uniform")
    a, b = (studies[2].of("ring8", f"dsm-wider/{s}", "D_integral") for s in ("edm", "log_uniform"))
    logs = np.log([a[r] / b[r] for r in range(10)])
    assert found.high == pytest.approx(math.exp(logs.mean() + stats.t.ppf(0.975, 9) * logs.std(ddof=1) / 10**0.5))


def test_collapsed_runs_are_named(studies):
    study = toy.hybrid()
    at = Place("ring8", "hybrid-evaluations", "log_uniform", "", "D_integral")
    study.values[at._replace(metric="D_integral_untrained")] = dict.fromkeys(range(10), 5.0)
    study.values[at] = {**study.values[at], 3: 4.9}
    said = page([study])
    assert "- hybrid, ring8: hybrid-evaluations/log_uniform: 1 of 10 runs collapsed (replicate 3)." in said
    assert "; without 1 of 10 runs that collapsed (replicate 3), with it 1.1" in said
    assert "No run did, of those whose error is known" in page(studies)


def test_the_winner_is_not_told_the_score_and_takes_no_more_evaluations(studies):
    """esm and tsm are told; antithetic_stf takes twice the evaluations."""
    found = Quotes(studies).winner("hybrid", "ring8")
    assert found is not None
    assert found[0] == "antithetic_stf-evaluations/log_uniform"


def test_schedules_that_are_never_far_from_the_best(studies):
    worst = Quotes(studies).never_far("noise", ["ring8", "mixture10"], "dsm")
    assert list(worst)[:2] == ["log_uniform", "edm"]
    assert worst["edm"] == pytest.approx(1.3, rel=0.02)
    assert len(worst) == 10
    found = safe(Quotes(studies), "noise")
    assert (found.names, found.of) == ("`log_uniform`", 10)
    assert "a fixed schedule" in found.words
    mixed = toy.noise()
    for d in ("ring8", "mixture10"):
        base = mixed.values[Place(d, "dsm", "log_uniform", "", "D_integral")]
        mixed.values[d, "dsm", "minimax", "", "D_integral"] = {r: 1.02 * v for r, v in base.items()}
    found = safe(Quotes([mixed]), "noise")
    assert found.names == "`log_uniform` and `minimax`"
    assert "fixed and learned" in found.words


def test_a_conclusion_that_turns_is_said(studies):
    """edm is worse than ln sigma uniform, but better with a wider network: made so."""
    turns = {(t.dataset, t.comparison): t.turns for t in robustness(Quotes(studies))}
    assert turns["ring8", "dsm: edm over log_uniform"] == "**yes**"


def test_single_levels_stand_beside_the_rules(studies):
    found = singles(Quotes(studies), "noise")
    assert found is not None
    rows = [row for row in found.rows if row.method == "dsm"]
    assert [row.dataset for row in rows] == ["ring8_n100", "ring8_n1000", "ring8_n10000"]
    assert {row.best for row in rows} == {"0.10"}
    assert rows[1].rules[0] == f"{0.15 * 4000 ** (-1 / 6):.3f}"
    assert found.rules[0] == "linear score, width of τ"
    name, low, high = found.nearest
    levels = [float(row.rules[found.rules.index(name)]) for row in rows]
    assert (low, high) == pytest.approx((0.1 / max(levels), 0.1 / min(levels)), rel=0.02)


@pytest.mark.parametrize(("pairs", "lower"), [("0.057", True), ("0.10", False)])
def test_pairs_at_one_level_are_said_to_go_lower_only_if_they_do(pairs, lower):
    noise = toy.noise(pairs=0.06 if lower else 0.1)  # a parabola through three levels is near, not there
    found = singles(Quotes([noise]), "noise")
    assert found is not None
    assert found.pairs == [("ring8_n1000", "0.10", pairs)]
    assert found.pairs_lower is lower
    said = f"(`antithetic_dsm`) the best level is {pairs} instead of 0.10 on ring8_n1000"
    assert said + (": it is the noise of its gradient" if lower else ".") in page([noise])


def test_schedules_tried_everywhere_are_compared_everywhere():
    """Of those on all data sets, the factors of the worst: here edm has 1.5 times the best on a third data set."""
    noise = toy.noise()
    added = {
        Place("unequal", "dsm", s, "", "D_integral"): {0: v, 1: v} for s, v in (("log_uniform", 2.0), ("edm", 3.0))
    }
    noise.values.update(added)
    noise.keys.update(dict.fromkeys(added, "0" * 12))
    text = page([noise])
    assert "Of the 2 that were tried on all 3 data sets of known score, `log_uniform` stays nearest" in text
    assert "(`log_uniform` at most 1.00 times its error, `edm` at most 1.50 times its error)" in text


def test_learned_schedules_stand_relative_to_ln_sigma_uniform(studies, text):
    """Its mean over ln sigma is 1; uncertainty weighs by e^-u, and only as far as a common factor."""
    found = emphasis(Quotes(studies), "ring8")
    assert list(found) == ["uncertainty", "minimax"], "gradient_variance is not in the toy study"
    inverse = [1 / s for s in toy.SIGMAS]
    assert list(found["uncertainty"].values()) == pytest.approx([v * len(inverse) / sum(inverse) for v in inverse])
    n = len(toy.SIGMAS)
    assert list(found["minimax"].values()) == pytest.approx([2 * (1 + i) / (n + 1) for i in range(n)])
    section = text[text.index("**What schedules learned**") :]
    assert f"| minimax | {number(2 / (n + 1), 2)} |" in section
    assert "| noise | ring8 | training of dsm/minimax |" in section


def test_what_methods_learned_stands_under_the_microscope(studies, text):
    found = chosen(Quotes(studies), "mixture10")
    assert list(found) == ["share of antithetic_stf's replicates that draw mirrored pairs"]
    assert "| share of antithetic_stf's replicates that draw mirrored pairs | 1.0 |" in text


def test_every_quoted_cell_is_listed_with_its_key(text, studies):
    listed = dict(re.findall(r"^\| (?:hybrid|noise|data) \| \S+ \| (\S+) \| `(key-\S+)` \|$", text, re.M))
    assert len(listed) > 20
    assert all(key.endswith(cell) or key.endswith(f"{cell}/") for cell, key in listed.items())
    for cell in ("stf/log_uniform", "dsm/edm2", "dsm/s018"):
        assert cell in listed


def test_quick_conclusions_are_marked(text):
    assert "quick" not in text.split("## For a reader")[0]
    quick = page([toy.noise("quick")])
    assert "A quick look only" in quick
    assert "(quick)" in quick
    assert "The study `hybrid` has not been published" in quick


def test_unfinished_cells_are_counted():
    partly = dataclasses.replace(toy.noise(), unfinished=("ring8/dsm/ve", "ring8/dsm/edm"))
    assert "2 of its cells were not finished" in page([partly])
    assert "not finished" not in page([toy.noise()])


def test_the_larger_size_of_a_study_is_quoted():
    q = Quotes([toy.noise(), toy.noise("quick")])
    assert q.study("noise").size == "standard"
    assert not q.quick


def test_diagnostics_are_held_against_the_truth(studies):
    """excess_loss orders cells as D does, made so; alpha comes nearer to 1 the larger D is."""
    found = {(v.dataset, v.diagnostic): v for v in validity(studies)}
    excess, alpha = found["ring8", "excess_loss"], found["ring8", "stein_alpha"]
    assert (excess.between, excess.worst, excess.overall) == pytest.approx((1, 1, 1))
    assert excess.factor == pytest.approx(1.1)
    assert alpha.between == pytest.approx(-1)
    assert excess.cells == 10


def test_no_line_says_nothing(text):
    for wrong in ("None", "nan", "Undefined", "Quote(", "{{", "}}"):
        assert wrong not in text, wrong
    lines = text.splitlines()
    for before, line in itertools.pairwise(lines):
        assert not line.startswith(("|", "![")) or before.startswith("|") or not before, line
        if line.startswith("|"):
            assert line.endswith("|"), line
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) > 8
    for table in tables:
        assert re.fullmatch(r"\|(---\|)+", table.splitlines()[1]), table[:200]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table[:200]


def test_figures_are_the_same_bytes_again_and_have_their_numbers(studies):
    first, again = figures(Quotes(studies)), figures(Quotes(studies))
    assert first == again
    names = ("noise", "learned", "hybrid", "microscope")
    assert set(first) == {f"answers_{name}.svg" for name in names}
    assert all(len(svg) < 200_000 for svg in first.values())
    curves = {
        place: {sigma: dataclasses.replace(point, mean=2 * point.mean) for sigma, point in curve.items()}
        for place, curve in studies[2].curves.items()
    }
    other = dataclasses.replace(studies[2], curves=curves)
    changed = figures(Quotes([studies[0], studies[1], other]))
    assert changed["answers_noise.svg"] != first["answers_noise.svg"]
    assert changed["answers_hybrid.svg"] == first["answers_hybrid.svg"]


def test_estimated_errors_are_compared_by_differences():
    """A constant that all cells of a data set share, which may make them negative, changes nothing."""
    numbers = toy.data()
    shifted = dataclasses.replace(numbers, values=dict(numbers.values))
    for place, values in numbers.values.items():
        if place.metric == "excess_loss_integral":
            shifted.values[place] = {r: v - 7 for r, v in values.items()}
    q, moved = Quotes([numbers]), Quotes([shifted])
    args = ("data", "digits", "stf/log_uniform", "dsm/log_uniform", "excess_loss_integral")
    found = q.compared(*args)
    assert found is not None
    assert found.lower
    assert found.sure
    assert str(found) == str(moved.compared(*args))
    assert found.estimate == pytest.approx(-0.1, abs=0.01)


def test_diagnostics_are_trusted_as_far_as_they_are_right(studies):
    lines = list(summary(validity(studies)))
    assert "orders methods as the error does" in lines[0]
    assert "1.1 to 1.1 times D(σ) in the median, right within a factor of two" in lines[0]
    assert "does not order methods reliably; -1.00 at worst" in lines[1]
    assert not list(summary([]))
