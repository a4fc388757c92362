"""Data to train on, and what an undisturbed training makes of them."""

from pathlib import Path

import pytest
from trained import SPEC, attended, contents

from scorebench.progress.scratch import CHECKPOINT
from scorebench.specs import SourceSpec
from scorebench.specs.prepare import PrepareSpec
from scorebench.stages.prepare import prepare
from scorebench.stages.train import train


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("data")
    ring = SourceSpec(name="ring", options={})
    prepare(PrepareSpec(source=ring, sizes={"train": 200, "validation": 50, "test": 50}, seed=3, files={}), {}, top)
    return {"data": top}


@pytest.fixture(scope="session")
def undisturbed(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    facts = train(SPEC, data, out, attended(out, 3600))
    assert facts.resumed_at == ()
    assert not (out / CHECKPOINT).exists(), "nothing to keep in so short a time"
    return contents(out)
