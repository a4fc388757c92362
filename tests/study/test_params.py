"""params.yaml: every fault at once, with its line, what is allowed and the nearest name; and nothing runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from scorebench.cli import app
from scorebench.study.params import InvalidStudy, load
from scorebench.study.schema import NAME, Params

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "studies" / "smoke.yaml").read_text()


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times"
    return GOOD.replace(old, new)


METHODS = "  esm: {objective: esm}\n  dsm: {objective: dsm}\n  ssm_vr: {objective: ssm_vr}"

RATIO = "{kind: ratio, a: ssm_vr/log_uniform, b: dsm/log_uniform, datasets: [ring8], side: below, limit: 1}"


def claims(claim: str) -> str:
    return f"{GOOD}hypotheses:\n  H:\n    statement: It is so.\n    claims:\n      - {claim}\n"


# name -> (file, texts that the message must hold: places, values, nearest names)
BROKEN: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", [":1:", "must be a mapping", "it is empty"]),
    "only a comment": ("# nothing\n", ["it is empty"]),
    "a list": ("- a\n- b\n", ["it is a list"]),
    "a word": ("study\n", ["it is 'study'"]),
    "not yaml": ("a: [1, 2\nb: }\n", ["is not valid YAML", ":2:"]),
    "a tab": ("seed:\n\t- 1\n", ["is not valid YAML", ":2:"]),
    "not text": (b"\xff\xfe\x00", ["is not UTF-8 text"]),
    "a name twice": (GOOD + "\nseed: 8\n", ["duplicate key", "seed"]),
    "refers to itself": (changed("title: Smoke", "title: Smoke\ndescription2: &a [*a]"), ["description2"]),
    "a python object": (changed("seed: 7", "seed: !!python/object/apply:os.system ['touch pwned']"), ["seed"]),
    "unknown section": (changed("replicates: 2", "replicate: 2"), ["replicate", "did you mean 'replicates'"]),
    "missing section": (changed("seed: 7\n", ""), ["seed: is required"]),
    "text for a number": (changed("seed: 7", "seed: seven"), [":4:", "seed", "given: 'seven'"]),
    "a fraction for a count": (changed("replicates: 2", "replicates: 2.5"), [":5:", "replicates", "given: 2.5"]),
    "a boolean for a count": (changed("replicates: 2", "replicates: true"), ["replicates", "given: True"]),
    "no replicates": (changed("replicates: 2", "replicates: 0"), ["greater than or equal to 1", "given: 0"]),
    "negative steps": (changed("steps: 40,", "steps: -40,"), ["training.steps", "given: -40"]),
    "infinite rate": (changed("learning_rate: 0.003", "learning_rate: .inf"), ["training.learning_rate", "inf"]),
    "not a number": (changed("learning_rate: 0.003", "learning_rate: .nan"), ["training.learning_rate", "nan"]),
    "ema of one": (changed("ema: 0.9,", "ema: 1,"), ["training.ema", "less than 1"]),
    "unknown option": (
        changed("ssm_vr: {objective: ssm_vr}", "ssm_vr: {objective: ssm_vr, options: {probess: 2}}"),
        ["methods.ssm_vr.options.probess", "did you mean 'probes'"],
    ),
    "an unknown name in a method": (
        changed("{objective: dsm}", "{objective: dsm, optoins: {}}"),
        [
            "methods.dsm.optoins",
            "did you mean 'options'",
            "allowed: objective, options, network, training, budget, seed",
        ],
    ),
    "an unknown name in a data set, a block and a section in a section": (
        changed("{source: digits, ", "{source: digits, sorce: 1, ")
        + "\ngrid:\n  - {method: [esm]}\ncompute:\n  train: {minuts: 3}\n",
        [
            "datasets.digits.sorce: unknown name 'sorce' (did you mean 'source'?); allowed: source, options, sizes",
            "grid.0.method: unknown name 'method' (did you mean 'methods'?); allowed: datasets, methods, schedules",
            "compute.train.minuts: unknown name 'minuts'; allowed: threads, mem_mb, runtime",
        ],
    ),
    "value not in the list": (
        changed("ssm_vr: {objective: ssm_vr}", "ssm_vr: {objective: ssm_vr, options: {probe: cauchy}}"),
        ["methods.ssm_vr.options.probe", "'gaussian', 'rademacher', 'sphere' or 'orthogonal'", "'cauchy'"],
    ),
    "unknown objective": (changed("{objective: esm}", "{objective: essm}"), ["methods.esm.objective", "'essm'", "did"]),
    "unknown source": (changed("source: digits", "source: digit"), ["datasets.digits.source", "did you mean 'digits'"]),
    "unknown schedule": (
        changed("clean: {schedule: clean}", "clean: {schedule: cleam}"),
        ["schedules.clean.schedule", "did you mean 'clean'"],
    ),
    "unknown sampler": (
        changed("sampler: langevin", "sampler: langevine"),
        ["samplers.langevin.sampler", "did you mean 'langevin'"],
    ),
    "unknown network": (changed("network: mlp", "network: mpl"), ["networks.default.network", "did you mean 'mlp'"]),
    "a network that is not there": (
        changed("{objective: dsm}", "{objective: dsm, network: defualt}"),
        ["methods.dsm.network", "did you mean 'default'"],
    ),
    "a ladder that climbs": (changed("sigma_max: 5, sigma_min: 0.05", "sigma_max: 0.01, sigma_min: 5"), ["below"]),
    "a name with a space": (changed("  esm: {", "  my esm: {"), ["methods.my esm", "letters, digits"]),
    "a name that is a path": (changed("  esm: {", "  ../../etc: {"), ["methods.../../etc", "letters, digits"]),
    "a name for the shell": (changed("  esm: {", '  "$(touch pwned)": {'), ["$(touch pwned)", "letters, digits"]),
    "a name that is an option": (changed("  esm: {", "  --cores: {"), ["methods.--cores", "letters, digits"]),
    "a number as a name": (changed("  esm: {", "  1: {"), ["must be text", "given: 1"]),
    "an empty section": (
        changed("  esm: {objective: esm}\n  dsm: {objective: dsm}\n  ssm_vr: {objective: ssm_vr}", " "),
        ["methods"],
    ),
    "a section that is a list": (
        changed("networks:\n  default: {network: mlp, options: {width: 16, depth: 2}}", "networks: [mlp]"),
        ["networks"],
    ),
    "grid with an unknown name": (GOOD + "\ngrid:\n  - {methods: [esn]}\n", ["grid.0.methods.0", "did you mean 'esm'"]),
    "an empty grid": (GOOD + "\ngrid: []\n", ["grid"]),
    "a date": (changed("title: Smoke", "title: 2026-01-01"), ["title", "is a date", "quotes"]),
    "a table that is not there": (
        changed(
            "digits: {source: digits, sizes: {train: 300, validation: 50, test: 150}}",
            "t: {source: table, options: {path: no.csv}}",
        ),
        ["datasets.t.options", "no file no.csv"],
    ),
    "an unknown kind of claim": (
        claims("{kind: ratios}"),
        [":34:", "hypotheses.H.claims.0.kind", "did you mean 'ratio'"],
    ),
    "a claim without a kind": (claims("{why: late}"), ["hypotheses.H.claims.0.kind: is required", "best_of"]),
    "a claim with an unknown name": (
        claims("{kind: untested, whi: late}"),
        ["hypotheses.H.claims.0.whi", "did you mean 'why'", "hypotheses.H.claims.0.why: is required"],
    ),
    "a claim on an unknown method": (
        claims(RATIO.replace("a: ssm_vr", "a: smm_vr")),
        [":34:", "hypotheses.H.claims.0.a", "'smm_vr' is not under `methods` (did you mean 'ssm_vr'?)"],
    ),
    "a claim on an unknown schedule": (
        claims(RATIO.replace("b: dsm/log_uniform", "b: dsm/log_unifrom")),
        ["hypotheses.H.claims.0.b", "did you mean 'log_uniform'"],
    ),
    "a claim on unknown data": (
        claims(RATIO.replace("[ring8]", "[ring9]")),
        ["hypotheses.H.claims.0.datasets.0", "did you mean 'ring8'"],
    ),
    "a claim on a variant that is not there": (
        claims(RATIO.replace("a: ssm_vr", "a: ssm_vr-evaluations")),
        ["hypotheses.H.claims.0.a", "'ssm_vr-evaluations' is not under `methods`"],
    ),
    "a claim on no cell": (
        claims(RATIO.replace("a: ssm_vr/log_uniform", "a: ssm_vr")),
        ["METHOD/SCHEDULE", "'ssm_vr'"],
    ),
    "a claim on no side": (claims(RATIO.replace("below", "under")), ["hypotheses.H.claims.0.side", "'under'"]),
    "a limit below zero": (claims(RATIO.replace("limit: 1", "limit: -1")), ["hypotheses.H.claims.0.limit", "-1"]),
    "many at once": (
        changed("seed: 7", "seed: x").replace("objective: esm", "objective: emm").replace("steps: 40", "stepss: 40"),
        ["seed", "methods.esm.objective", "training.stepss", "did you mean 'steps'", "training.steps: is required"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_names_every_fault(name: str, tmp_path: Path) -> None:
    content, expected = BROKEN[name]
    file = tmp_path / "broken.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidStudy) as caught:
        load(file)
    message = str(caught.value)
    for text in expected:
        assert text in message, message
    for line in message.splitlines():
        assert line.startswith(f"{file}:"), line


def test_there_are_thirty_broken_files() -> None:
    assert len(BROKEN) >= 30


def test_line_is_the_one_of_the_fault(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(changed("batch: 32", "batch: none"))
    with pytest.raises(InvalidStudy) as caught:
        load(file)
    (fault,) = caught.value.faults
    assert "batch" in GOOD.splitlines()[fault.line - 1]


def test_claims_may_be_on_what_follows_and_on_what_a_smaller_study_takes_out(tmp_path: Path) -> None:
    """At another budget, under a variant; where `extends` takes the methods out, the hypothesis stays."""
    more = "budgets: {reference: dsm, evaluations: [ssm_vr]}\n"
    more += "robustness: {longer: {methods: [dsm], datasets: [ring8], schedules: [log_uniform], times_steps: 2}}\n"
    claim = RATIO.replace("a: ssm_vr", "a: ssm_vr-evaluations").replace("b: dsm", "b: dsm-longer")
    (tmp_path / "whole.yaml").write_text(more + claims(claim))
    (tmp_path / "small.yaml").write_text("extends: whole.yaml\nrobustness: null\nbudgets: null\n")
    whole, small = load(tmp_path / "whole.yaml"), load(tmp_path / "small.yaml")
    assert "dsm-longer" in whole.methods
    assert "dsm-longer" not in small.methods
    assert small.hypotheses == whole.hypotheses
    (claimed,) = whole.hypotheses["H"].claims
    assert claimed.kind == "ratio"
    assert claimed.a == "ssm_vr-evaluations/log_uniform"


def refused_by_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `scorebench validate` says of a file, run in this process."""
    monkeypatch.chdir(file.parent)
    done = CliRunner().invoke(app, ["validate", "--study", str(file)])
    assert done.exit_code not in (0, None)
    assert isinstance(done.exception, SystemExit), "and not a fault of the program"
    return done.output


def refused_by_process(file: Path, *command: str) -> str:
    """What a command says of a file, run as a person runs it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=file.parent, capture_output=True, text=True, env=environment, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Traceback" not in said
    return said


@pytest.mark.slow
def test_every_tool_refuses_every_broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command every file; command and workflow as processes, which take a second each, every eighth."""
    for i, (content, expected) in enumerate(BROKEN.values()):
        file = tmp_path / "broken.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        told = [refused_by_command(file, monkeypatch)]
        if i % 8 == 0:
            workflow = ("snakemake", "-s", str(ROOT / "Snakefile"), "--cores", "1", "--config", f"study={file}")
            told += [refused_by_process(file, "scorebench", "validate", "--study", str(file))]
            told += [refused_by_process(file, *workflow)]
        for said in told:
            for text in expected:
                assert text in said, said
        left = {p.name for p in tmp_path.iterdir()} - {"broken.yaml", ".snakemake"}
        assert not left, f"{left} were made"


def test_shipped_studies_are_valid() -> None:
    for file in [ROOT / "params.yaml", *(ROOT / "studies").glob("*.yaml")]:
        load(file)


@given(st.text(max_size=80))
def test_a_name_is_safe_everywhere_or_refused(text: str) -> None:
    if NAME.fullmatch(text):
        assert text.isascii()
        assert text[0] != "-"
        assert all(c.isalnum() or c in "_-" for c in text)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(list(Params.model_fields)))
def test_no_value_of_a_section_escapes_as_another_error(tmp_path_factory, value, section) -> None:
    file = tmp_path_factory.mktemp("study") / "s.yaml"
    text = GOOD.replace(f"\n{section}:", f"\nwas_{section}:")
    file.write_text(text + f"\nwas_nothing: 1\n{section}: {json.dumps(value)}\n")
    with pytest.raises(InvalidStudy) as caught:  # was_<section> and was_nothing are unknown, whatever the value is
        load(file)
    assert any(fault.path == "was_nothing" for fault in caught.value.faults)
    assert any(f"was_{section}" in fault.path for fault in caught.value.faults) or f"\n{section}:" not in GOOD
