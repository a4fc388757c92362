"""Cards, `scorebench explain`, `verify` and `gc`: how it was made, why it runs again, what differs, what may go."""

import json
import shlex
import shutil

import pytest
from test_agreement import changed, stages_of

from project import Project

pytestmark = pytest.mark.slow
NAMES = ("model.safetensors", "training.parquet")


def test_explain_names_the_parts_and_what_changed(project: Project) -> None:
    cell = "ring8/ssm_vr/log_uniform"
    told = project.run("scorebench", "explain", cell)
    key = next((project.folder / "results/default/checkpoints" / cell).iterdir()).name
    assert f"train {cell}: key {key}, is there" in told
    for part in ("scorebench.objectives.ssm_vr = ", "torch = 2.13.0", "spec\n", "objective.options.probes = 1"):
        assert part in told
    assert "scorebench.objectives.dsm" not in told
    same = project.run("scorebench", "explain", cell, "--against", "HEAD")
    assert same.count("the same as in HEAD") == 3

    project.edit("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 2}}")
    project.edit(".mean(0)", ".mean(0) * 1.01", "src/scorebench/objectives/ssm_vr.py")
    other = project.run("scorebench", "explain", cell, "--against", "HEAD")
    assert "spec.objective.options.probes: 1 -> 2" in other
    assert "code scorebench.objectives.ssm_vr: changed" in other
    assert "* 1.01" in other
    assert f"in HEAD {key}" in other
    assert project.run("scorebench", "explain", "ring8/dsm/log_uniform", "--against", "HEAD").count("the same") == 3
    said = project.run("scorebench", "explain", cell, "--against", "no-such-commit", ok=False)
    assert "git has no 'no-such-commit'" in said
    assert "Traceback" not in said


def test_flipped_bytes_are_found_and_the_cell_is_made_anew(project: Project, built: Project) -> None:
    assert "are whole and as planned" in project.run("scorebench", "verify")
    before = project.jobs()
    damaged = {name: next((project.folder / "results/default/checkpoints/ring8/dsm").rglob(name)) for name in NAMES}
    for path in damaged.values():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    said = project.run("scorebench", "verify", "--set-aside", ok=False)
    for path in damaged.values():
        assert f"damaged: {path.relative_to(project.folder)}: its hash is not the recorded one" in said
    assert said.count("damaged: ") == 2
    assert said.count("set aside: ") == 4, "the cell's training, samples and scores, and the report of them"
    project.run("snakemake", "--cores", "2")
    assert changed(before, project.jobs()) == {"report", *stages_of({"ring8/dsm/log_uniform"})}
    assert project.contents() == built.contents()
    assert "are whole and as planned" in project.run("scorebench", "verify")


def test_verify_names_missing_stale_and_orphaned(project: Project) -> None:
    scores = next((project.folder / "results/default/scores/ring8/dsm").rglob("scores.parquet"))
    scores.unlink()
    card = next((project.folder / "results/default/samples/ring8/dsm").rglob("run.json"))
    card.write_text("{")
    project.edit("{objective: ssm_vr}", "{objective: ssm_vr, options: {probes: 2}}")
    said = project.run("scorebench", "verify", ok=False)
    assert "`scorebench verify --set-aside` moves damaged results" in said
    assert f"missing: {scores.relative_to(project.folder)}" in said
    assert f"damaged: {card.relative_to(project.folder)}: the card can't be read" in said
    assert said.count("another key of a planned place") == 4, "a cell and the report"
    assert "missing: results/default/checkpoints/ring8/ssm_vr/log_uniform/" in said
    assert "stale: reports/default/report.html: not the planned results" in said
    project.edit("  ssm_vr: {objective: ssm_vr, options: {probes: 2}}\n", "")
    assert project.run("scorebench", "verify", ok=False).count("the plan does not name this place") == 3


def test_gc_removes_what_nothing_names(agreed: Project) -> None:
    agreed.commit("Results")
    (agreed.folder / "studies").joinpath("smoke.yaml").unlink()
    agreed.edit("  ssm_vr: {objective: ssm_vr}\n", "")
    folders = {p.parent for p in agreed.folder.rglob("run.json")}
    said = agreed.run("scorebench", "gc")
    assert "4 folders" in said
    assert "would be removed" in said
    assert {p.parent for p in agreed.folder.rglob("run.json")} == folders
    assert "0 folders" in agreed.run("scorebench", "gc", "--rev", "HEAD", "--yes")
    assert "4 folders" in agreed.run("scorebench", "gc", "--yes")
    left = {p.parent for p in agreed.folder.rglob("run.json")}
    gone = {folder.parent.relative_to(agreed.folder).as_posix() for folder in folders - left}
    assert gone == {"results/default/reports", *stages_of({"ring8/ssm_vr/log_uniform"})}
    refused = agreed.run("scorebench", "gc", "--rev", "nothing", ok=False)
    assert "'nothing' holds no plan/default/prepare.json" in refused


def test_card_says_how_a_result_was_made(project: Project) -> None:
    """Every part of a card, of all three stages of a cell; and the report holds it."""
    page = (project.folder / "reports/default/report.html").read_text()
    head = project.run("git", "rev-parse", "HEAD").strip()
    cards = {}
    for stage, folder in (("train", "checkpoints"), ("sample", "samples"), ("evaluate", "scores")):
        path = next((project.folder / "results/default" / folder / "ring8/dsm/log_uniform").glob("*/run.json"))
        card = cards[stage] = json.loads(path.read_text())
        assert card["key"] == path.parent.name
        assert (card["stage"], card["at"], card["commit"], card["dirty"]) == (
            stage,
            "ring8/dsm/log_uniform",
            head,
            False,
        )
        assert card["spec"]["replicates"] == 2
        assert card["code"][f"scorebench.stages.{stage}"]
        assert card["versions"]["torch"] == "2.13.0"
        assert card["inputs"]["data"] == next((project.folder / "data/prepared/default/ring8").iterdir()).name
        assert set(card["input_outputs"]["data"]) == {
            "train.parquet",
            "validation.parquet",
            "test.parquet",
            "dataset.json",
        }
        assert set(card["outputs"]) == {file.name for file in path.parent.iterdir()} - {"run.json"}
        assert card["machine"].keys() >= {"processor", "cpus", "platform", "python", "gpu", "slurm_job"}
        assert 0 < card["seconds"] < 300
        assert card["peak_memory_mb"] > 50
        assert card["key"] in page
        assert f'data-card="ring8/dsm/log_uniform" data-stage="{stage}"' in page
    assert cards["train"]["facts"]["evaluations"] == 20 * 16
    assert cards["train"]["facts"]["status"] == ["trained", "trained"]
    assert cards["sample"]["inputs"]["checkpoint"] == cards["train"]["key"]
    assert cards["evaluate"]["input_outputs"]["samples"] == cards["sample"]["outputs"]


def test_command_on_a_card_makes_that_result_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing, with what the cell needs and no other; then alone, in its place; never of another study."""
    cell = "ring8/dsm/log_uniform"
    cards = {
        s: next((project.folder / "results/default" / s / cell).glob("*/run.json")) for s in ("checkpoints", "scores")
    }
    command = {stage: shlex.split(json.loads(card.read_text())["command"]) for stage, card in cards.items()}
    before = project.contents()
    for folder in ("results", "data/prepared", "reports/default"):
        shutil.rmtree(project.folder / folder)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    project.run(*command["scores"])
    made = project.contents()
    assert made == {name: before[name] for name in made}
    assert set(project.jobs()) == {"data/prepared/default/ring8", *stages_of({cell})}

    jobs = project.jobs()
    project.run(*command["checkpoints"])
    assert changed(jobs, project.jobs()) == {f"results/default/checkpoints/{cell}"}
    assert project.contents() == made
    assert json.loads(cards["checkpoints"].read_text())["machine"]["slurm_job"] == "4711"

    project.edit("{objective: dsm}", "{objective: dsm, training: {batch: 8}}")
    key = cards["scores"].parent.name
    assert f"key {key} is not in the plan" in project.run(*command["scores"], ok=False)
    assert project.contents() == made
