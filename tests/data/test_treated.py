"""Columns without a density: made continuous and rounded back, carried through, or left as they are with a caution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorebench import storage
from scorebench.data.table import Table
from scorebench.specs.columns import Column, restored
from scorebench.specs.prepare import PrepareSpec
from scorebench.specs.sample import SampleSpec
from scorebench.specs.train import TrainSpec
from scorebench.stages._dataset import describe, read_points
from scorebench.stages.prepare import prepare
from scorebench.stages.sample import sample
from scorebench.stages.train import train

WINES = Path(__file__).parents[2] / "data" / "raw" / "wine_quality.csv"
DRAWS = np.random.default_rng(5)
N = 600
TABLE = pd.DataFrame(
    {
        "x": DRAWS.normal(3, 2, N),
        "stars": DRAWS.integers(1, 6, N),
        "half": DRAWS.choice([-0.5, 0.0, 0.5, 1.5], N),
        "c": 7.1,
    }
)


def table(folder: Path, frame: pd.DataFrame, **options: object) -> Table:
    file = folder / "t.csv"
    frame.to_csv(file, index=False)
    return Table(path=str(file), **options)


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    return rows[np.lexsort(rows.T[::-1])]


def test_points_give_the_file_back(tmp_path: Path) -> None:
    """Prepared points of all splits, undone: discrete values and the constant exactly, others to single precision."""
    source = table(tmp_path, TABLE)
    points = source.load({}, seed=1)
    x = np.concatenate(list(points.splits.values()))
    assert source.dimension() == x.shape[1] == 3
    undone = pd.DataFrame(restored(points.columns, x, points.shift, points.scale))
    assert list(undone) == list(TABLE)
    given, back = (sorted_rows(t.to_numpy()[:, [1, 2, 3, 0]]) for t in (TABLE, undone))
    np.testing.assert_array_equal(back[:, :3], given[:, :3])
    np.testing.assert_allclose(back[:, 3], given[:, 3], rtol=1e-5, atol=1e-6)


def test_steps_are_filled_evenly(tmp_path: Path) -> None:
    """The noise is uniform over one step: variance step^2 / 12, and every fifth of a step as often as another."""
    source = table(tmp_path, TABLE)
    added = (source.continuous(seed=3) - source.rows())[:, 1:]
    assert np.abs(added).max(0) == pytest.approx([0.5, 0.25], rel=0.02)
    assert added.var(0) == pytest.approx([1 / 12, 0.25 / 12], rel=0.1)
    fifths = np.histogram(added[:, 0], np.linspace(-0.5, 0.5, 6))[0]
    assert ((fifths - N / 5) ** 2 / (N / 5)).sum() < 18.5  # chi-square, 4 degrees of freedom, 0.1 %
    assert (source.continuous(seed=3) - source.rows())[:, 0].tolist() == [0.0] * N


def test_a_lattice_takes_samples_back_to_its_nearest_value() -> None:
    column = Column(name="a", place=1, lowest=-0.3, highest=0.6, step=0.3, decimals=1)
    points = np.array([[9, -5], [9, -0.16], [9, -0.14], [9, 0.31], [9, 0.44], [9, 0.46], [9, 8]], float)
    assert column.restored(points).tolist() == [-0.3, -0.3, 0.0, 0.3, 0.3, 0.6, 0.6]
    thirds = Column(name="a", place=0, lowest=0.0, highest=1.0, step=1 / 3)
    assert thirds.restored(np.array([[0.4]])).tolist() == [1 / 3]


def test_what_is_made_continuous_can_be_told(tmp_path: Path) -> None:
    def steps(**options: object) -> dict[str, float | None]:
        return {column.name: column.step for column in table(tmp_path, TABLE, **options).look().columns}

    assert steps() == {"x": None, "stars": 1, "half": 0.5, "c": None}
    assert set(steps(dequantise=False).values()) == {None}
    assert steps(dequantise=["stars"]) == {"x": None, "stars": 1, "half": None, "c": None}
    with pytest.raises(ValueError, match="'x' can't be dequantised: its values are no multiples of one step"):
        steps(dequantise=["x"])
    with pytest.raises(ValueError, match=r"`dequantise` names \['stairs'\], which are not among the columns used"):
        steps(dequantise=["stairs"])
    fine = pd.DataFrame({"fine": DRAWS.normal(0, 1, N).round(2), "x": TABLE.x})
    assert {c.step for c in table(tmp_path, fine).look().columns} == {None}, "a hundredth of the spread: left as it is"
    assert {c.name: c.step for c in table(tmp_path, fine, dequantise=True).look().columns} == {"fine": 0.01, "x": None}


def test_all_columns_constant_or_one_constant_in_training(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="all 600 rows are the same in the columns used"):
        table(tmp_path, TABLE, columns=["c"]).look()
    rare = TABLE.assign(rare=np.where(np.arange(N) == 5, np.pi, 0.1))
    source = table(tmp_path, rare, columns=["x", "rare"], dequantise=False)
    with pytest.raises(ValueError, match="'rare' holds one value in all training rows"):
        [source.load({}, seed) for seed in range(30)]  # the one row that differs is none of the training in 3 of 10


@pytest.mark.parametrize("values", [1, 3])
def test_distinct_is_refused_where_rows_are_equal_by_chance(tmp_path: Path, values: int) -> None:
    """Shares 0.7, 0.2, 0.1 would become thirds."""
    drawn = {f"k{i}": DRAWS.choice([0, 1, 2], N, p=[0.7, 0.2, 0.1]) for i in range(values)}
    with pytest.raises(ValueError, match="`distinct` would drop rows that are no repeats"):
        table(tmp_path, pd.DataFrame(drawn), columns=list(drawn), distinct=True).look()


def test_distinct_drops_whole_rows_that_were_written_twice(tmp_path: Path) -> None:
    """Of the wines 1,177 repeat an earlier one in all columns, 240 red and 937 white; an index makes no row another."""
    kept = Table(path=str(WINES), columns=["alcohol", "pH", "fixed_acidity"], distinct=True)
    assert len(kept.rows()) == 6497 - 1177
    three = pd.read_csv(WINES)[["alcohol", "pH", "fixed_acidity"]]
    with pytest.raises(ValueError, match=r"equal rows about .* are equal by chance"):
        table(tmp_path, three, distinct=True).look()
    few = {"k": DRAWS.integers(0, 400, 300).astype(str), "n": np.arange(300) * 5 % 301}
    assert len(table(tmp_path, pd.DataFrame(few), columns=["n"], distinct=True).rows()) == 300, "no two are equal"
    twice = pd.concat([TABLE, TABLE[:50]])
    for frame in (twice, twice.assign(id=np.arange(len(twice)) * 3)):
        assert len(table(tmp_path, frame, distinct=True).rows()) == N


def test_images_keep_one_scale_and_their_shape(tmp_path: Path) -> None:
    grey = DRAWS.integers(0, 256, (80, 4, 6, 3)).astype(np.uint8)
    grey[:, 0, 0] = 9
    np.save(tmp_path / "t.npy", grey)
    points = Table(path=str(tmp_path / "t.npy")).load({}, seed=1)
    assert points.image == (3, 4, 6)
    assert len(set(points.scale)) == 1
    train_rows = points.splits["train"].astype(float)
    assert (train_rows**2).mean() == pytest.approx(1, rel=1e-5)
    back = np.rint(np.concatenate(list(points.splits.values())) * points.scale + points.shift)
    expected = grey.transpose(0, 3, 1, 2).reshape(80, -1)
    np.testing.assert_array_equal(sorted_rows(back), sorted_rows(expected))


def test_samples_stand_in_the_columns_of_the_file(tmp_path: Path) -> None:
    """The constant exactly, discrete values on their lattice; `x` of the file beside the points `x`."""
    source = table(tmp_path, TABLE)
    common = {
        "seed": 3,
        "replicates": 1,
        "network": {"kind": "network", "name": "mlp", "options": {"width": 8, "depth": 1}},
        "schedule": {"kind": "schedule", "name": "log_uniform", "options": {"levels": 3}},
    }
    method = {
        "objective": {"kind": "objective", "name": "dsm", "options": {}},
        "training": {"steps": 20, "batch": 16, "learning_rate": 0.003, "ema": 0.9, "log_every": 10},
    }
    flow = {"flow": {"kind": "sampler", "name": "probability_flow", "options": {"steps": 3}}}
    folders = {role: tmp_path / role for role in ("data", "checkpoint")}
    options = source.model_dump(mode="json")
    spec = {"source": {"name": "table", "options": options}, "sizes": {}, "seed": 3, "files": {}}
    prepare(PrepareSpec(**spec), {}, folders["data"])
    train(TrainSpec(**common, **method), folders, folders["checkpoint"])
    sample(SampleSpec(**common, samplers=flow, points=150), folders, tmp_path / "samples")
    described = describe(folders["data"])
    assert described.said == source.said()
    assert read_points(folders["data"], "train").shape[1] == described.dimension == 3
    drawn = storage.read_table(tmp_path / "samples" / "samples.parquet")
    assert drawn.column_names == ["sampler", "replicate", "x", "x_", "stars", "half", "c"]
    assert set(drawn["c"].to_pylist()) == {7.1}
    assert {1.0, 5.0} < set(drawn["stars"].to_pylist()) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert set(drawn["half"].to_pylist()) <= {-0.5, 0.0, 0.5, 1.0, 1.5}
    x = storage.points_of(drawn["x"]).astype(np.float64)
    np.testing.assert_allclose(drawn["x_"].to_numpy(), x[:, 0] * described.scale[0] + described.shift[0], rtol=1e-6)
