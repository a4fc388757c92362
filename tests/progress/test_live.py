"""A training's curve can be read while it grows, and is the curve that it ends with."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from trained import KEY, RESULTS, SPEC, attended, contents, stop

from scorebench import storage
from scorebench.progress import live as live_files
from scorebench.progress.live import Live, read
from scorebench.progress.scratch import LIVE, sweep
from scorebench.stages.train import train


def test_what_is_seen_is_a_part_of_the_curve_and_changes_no_byte(
    data: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train(SPEC, data, tmp_path / "unseen", attended(tmp_path / "unseen"))
    monkeypatch.setattr(live_files, "EVERY", 0.0)
    out = tmp_path / "seen"
    train(SPEC, data, out, attended(out))
    assert contents(out) == contents(tmp_path / "unseen")
    seen = read(out / LIVE)
    assert seen is not None
    assert seen.key == KEY
    assert seen.step == SPEC.training.steps
    table = storage.read_table(out / "training.parquet").to_pylist()
    whole = [(r["replicate"], r["step"], r["metric"], r["value"]) for r in table if r["sigma"] is None]
    assert seen.rows == whole
    sweep(out)
    assert sorted(path.name for path in out.iterdir()) == sorted(RESULTS)


def test_a_later_attempt_shows_the_whole_curve_again(
    data: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_files, "EVERY", 0.0)
    stop(data, tmp_path, signal.SIGTERM)
    first = read(tmp_path / LIVE)
    train(SPEC, data, tmp_path, attended(tmp_path))
    second = read(tmp_path / LIVE)
    assert first is not None
    assert second is not None
    assert first.step < second.step
    assert second.rows[: len(first.rows)] == first.rows


def test_it_writes_only_now_and_then_and_a_half_line_is_left_for_later(tmp_path: Path) -> None:
    live = Live(tmp_path, {"key": "k"})
    live.show(1, [(0, 1, "loss", 0.5)])
    live.show(2, [(0, 1, "loss", 0.5), (0, 2, "loss", 0.25)])
    path = tmp_path / LIVE
    seen = read(path)
    assert seen is not None
    assert (seen.step, seen.rows) == (1, [(0, 1, "loss", 0.5)])
    with path.open("a") as file:
        file.write(json.dumps([0, 2, "loss", 0.25])[:-3])
    assert read(path) == seen
    assert read(tmp_path / "nothing") is None
