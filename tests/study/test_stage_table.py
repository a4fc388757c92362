"""The table of stages: it holds together, and what is written from it is as it says."""

import importlib
import inspect
from pathlib import Path

import pytest

from scorebench.running import dvc
from scorebench.study import specs
from scorebench.study.schema import Compute, Params
from scorebench.study.stages import CARD, DEPTH, STAGE, STAGES, TARGETS, Stage, together, upto

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_an_entry_names_what_there_is(stage: Stage) -> None:
    before = [each.name for each in STAGES[: STAGES.index(stage)]]
    assert set(stage.reads) <= set(before), "what is read stands before what reads it"
    assert all(DEPTH[STAGE[name].of] <= DEPTH[stage.of] or stage.of == "study" for name in stage.reads)
    assert stage.files[-1] == CARD
    assert stage.within in ("", *TARGETS)
    assert set(stage.kept_in_git) <= set(stage.writes)
    assert stage.section_of_compute in Compute.model_fields
    assert not stage.section or stage.section in Params.model_fields
    assert inspect.isfunction(getattr(specs, stage.spec or stage.name))
    assert inspect.isfunction(getattr(importlib.import_module(f"scorebench.stages.{stage.name}"), stage.name))
    assert f"rule {stage.rule}:\n" in (ROOT / "workflow/rules" / f"{stage.name}.smk").read_text()


def test_no_two_stages_share_a_folder() -> None:
    roots = [stage.root("noise") for stage in STAGES]
    assert len(set(roots)) == len(STAGES)
    assert not any(a in b.parents for a in roots for b in roots)


def test_a_target_builds_what_it_reads_and_what_goes_by_its_name() -> None:
    assert TARGETS == ("prepare", "train", "sample", "evaluate", "report")
    assert upto("prepare") == ("prepare",)
    assert upto("sample") == ("prepare", "train", "sample")
    assert together("evaluate") == ("floor", "advice", "microscope", "evaluate")
    assert upto("evaluate") == ("prepare", "train", "sample", "floor", "advice", "microscope", "evaluate")
    assert upto("report") == tuple(STAGE), "the report reads all others"


def test_dvc_yaml_is_what_the_table_gives() -> None:
    assert (ROOT / "dvc.yaml").read_text() == dvc.text()
