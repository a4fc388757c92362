"""`scorebench validate` says what it made of the files of data, with the advisor's warnings by the names of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from typer.testing import CliRunner

from scorebench.cli import app

ROOT = Path(__file__).parents[2]
DRAWS = np.random.default_rng(2)
N = 2000


def validated(folder: Path, frame: pd.DataFrame, **options: object) -> tuple[int, list[str]]:
    frame.to_csv(folder / "t.csv", index=True)
    study = YAML(typ="safe").load(ROOT / "studies/smoke.yaml")
    source = {"source": "table", "options": {"path": str(folder / "t.csv"), **options}}
    kept = {name: study[name] for name in ("title", "seed", "replicates", "training", "sampling", "evaluation")}
    parts = {
        "networks": {"default": {"network": "mlp"}},
        "methods": {"dsm": {"objective": "dsm"}},
        "schedules": {"edm": {"schedule": "edm"}},
        "samplers": {"flow": {"sampler": "probability_flow"}},
    }
    with (folder / "s.yaml").open("w") as out:
        YAML(typ="safe").dump({**kept, **parts, "datasets": {"mine": source}}, out)
    done = CliRunner().invoke(app, ["validate", "--study", str(folder / "s.yaml")])
    return done.exit_code, done.output.splitlines()


def test_what_was_read_guessed_dropped_changed_and_what_to_beware_of(tmp_path: Path) -> None:
    x = DRAWS.normal(size=N)
    frame = pd.DataFrame(
        {
            "x": x,
            "share": DRAWS.uniform(0, 1, N),
            "wind": DRAWS.uniform(0, 360, N),
            "age": DRAWS.normal(40, 10, N).round(),
            "rain": np.where(DRAWS.random(N) < 0.4, 0, DRAWS.exponential(size=N)),
            "stars": DRAWS.integers(1, 6, N),
            "c": 7.0,
            "far": np.where(np.arange(N) == 3, 40, x[::-1]),
            "species": np.arange(N) % 3,
            "kelvin": 273.15 + 10 * x,
        }
    )
    code, lines = validated(tmp_path, frame)
    assert code == 0, lines
    assert lines[0].endswith("s.yaml: 1 cells to run, 0 not applicable")
    wanted = [
        f"read: {tmp_path / 't.csv'} (text, commas between columns, decimal point, UTF-8): 2,000 rows, 9 of 11 columns",
        "dropped: '' (names of rows; used if `columns` names it)",
        "dropped: 'species' (classes, not measurements; used if `columns` names it)",
        "carried: constant, so no point holds it and every sample has it again: 'c' (7)",
        "changed: discrete values made continuous by uniform noise of one step (dequantised), in 'stars' (1); samples",
        "caution: column 'age' is discrete ('age': ",
        "caution: column 'rain' is piled up ('rain': ",
        "bounded ('share': at ",
        "caution: column 'wind' is circular ('wind': ",
        "caution: heavy tails: column 'far' has a value ",
        "caution: 1 direction has no spread: columns follow from each other",
    ]
    for words in wanted:
        assert [line for line in lines[1:] if line.startswith("mine: ") and words in line], (words, lines)
    assert "standard deviations of columns differ" not in "\n".join(lines), "a study scales them"


def test_a_fault_of_a_file_has_its_line_in_the_study(tmp_path: Path) -> None:
    code, lines = validated(tmp_path, pd.DataFrame({"x": DRAWS.normal(size=N)}), columns=["x", "x"])
    at = next(i for i, line in enumerate((tmp_path / "s.yaml").read_text().splitlines(), 1) if "columns:" in line)
    assert code == 2
    assert lines[0].startswith(f"{tmp_path / 's.yaml'}:{at}: datasets.mine.options.columns")
    assert "'x' stands there more than once" in lines[0]
