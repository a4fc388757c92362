"""What a study would cost: medians of the nearest places that were run before, and `unknown` where there are none."""

from pathlib import Path

import pytest

from scorebench import storage
from scorebench.running.costs import estimate
from scorebench.study.durations import duration
from scorebench.study.plan import Job, Study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "studies/smoke.yaml").read_text() + "\ncompute: {train: {gpu: 2}}\n"
    (tmp_path / "smoke.yaml").write_text(text)
    return Study("smoke.yaml")


def record(study: Study, stage: str, at: str, seconds: float, key: str = "0123456789ab") -> None:
    storage.write_json(study.root(stage) / at / key / "run.json", {"at": at, "seconds": seconds})


def test_no_earlier_runs(study: Study) -> None:
    told = estimate(study)
    assert told.jobs == told.unknown == 2 + 8 + 8 + 2 + 2 + 8 + 1
    assert str(told) == "31 jobs to run, cost unknown: no earlier runs"


def test_nearest_place_decides(study: Study) -> None:
    record(study, "train", "ring8/esm/clean", 10)
    record(study, "train", "ring8/esm/clean", 30, "ba9876543210")
    record(study, "train", "ring8/dsm/log_uniform", 100)
    told = estimate(study)
    # ring8: esm/clean median(10, 30); esm/log_uniform as esm's; dsm itself; ssm_vr twice as ring8's median(10, 30, 100)
    expected = 20 + 20 + 100 + 30 + 30
    assert told.seconds == pytest.approx(expected)
    assert told.gpu_seconds == pytest.approx(2 * expected)
    assert told.unknown == told.jobs - 5
    assert str(told) == "31 jobs to run, about 3 min one after another, 7 min of GPU time, and 26 jobs of unknown cost"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7149, "119 min"), (7200, "2 h 0 min"), (9e4, "25 h 0 min")],
)
def test_a_span_of_time_is_said_in_its_unit(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_what_is_there_costs_nothing_and_damage_is_no_record(study: Study) -> None:
    job = study.job("train", "ring8/esm/clean")
    for path in study.files(job).values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    assert estimate(study).jobs == 30
    assert estimate(study).unknown == 30
    assert Job("train", "ring8/esm/clean") == job
