"""A table of one's own: three formats that mean the same, and faults that are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from scorebench.data.table import Table

ROWS = np.random.default_rng(3).normal([5.0, -2.0, 100.0], [1.0, 0.1, 30.0], (60, 3))
NAMES = ["a", "b", "c"]


def write(path: Path, columns: dict[str, list | np.ndarray]) -> str:
    table = pa.table(columns)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    return str(path)


@pytest.fixture
def columns() -> dict[str, np.ndarray]:
    return dict(zip(NAMES, ROWS.T, strict=True))


def test_formats_agree(tmp_path, columns):
    npy = tmp_path / "t.npy"
    np.save(npy, ROWS)
    paths = [write(tmp_path / "t.parquet", columns), write(tmp_path / "t.csv", columns), str(npy)]
    for path in paths:
        table = Table(path=path)
        np.testing.assert_allclose(table.rows(), ROWS, rtol=1e-15)
        assert table.dimension() == 3
        assert table.files() == [Path(path)]
    loaded = [Table(path=path).load({}, seed=2).splits["train"] for path in paths]
    assert np.array_equal(loaded[0], loaded[2])
    np.testing.assert_allclose(loaded[0], loaded[1], rtol=1e-6)


def test_rows_are_split_and_standardised_per_column(tmp_path, columns):
    points = Table(path=write(tmp_path / "t.parquet", columns), licence="CC0", origin="made up").load({}, seed=2)
    assert {s: len(x) for s, x in points.splits.items()} == {"train": 42, "validation": 6, "test": 12}
    np.testing.assert_allclose(points.splits["train"].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(points.splits["train"].std(0), 1, atol=1e-6)
    undone = np.concatenate(list(points.splits.values())) * np.array(points.scale) + np.array(points.shift)
    np.testing.assert_allclose(np.sort(undone, axis=0), np.sort(ROWS, axis=0), rtol=1e-5)  # every row, once
    assert (points.licence, points.origin, points.target) == ("CC0", "made up", None)


def test_columns_are_picked_in_the_order_given(tmp_path, columns):
    path = write(tmp_path / "t.parquet", {**columns, "name": ["x"] * 60})
    table = Table(path=path, columns=["c", "a"])
    np.testing.assert_array_equal(table.rows(), ROWS[:, [2, 0]])
    assert table.dimension() == 2


def test_integers_are_numbers_and_images_are_flattened(tmp_path):
    whole = Table(path=write(tmp_path / "t.csv", {"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})).rows()
    np.testing.assert_array_equal(whole, [[1, 0.5], [2, 1.5], [3, 2.5]])
    np.save(tmp_path / "images.npy", np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    assert Table(path=str(tmp_path / "images.npy")).rows().shape == (2, 12)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*nowhere\.csv"):
        Table(path=str(tmp_path / "nowhere.csv")).rows()


def test_unknown_ending(tmp_path):
    (tmp_path / "t.xlsx").write_text("a")
    with pytest.raises(ValueError, match=r"must be \.parquet, \.csv or \.npy"):
        Table(path=str(tmp_path / "t.xlsx")).rows()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_text_column(tmp_path, columns, ending):
    path = write(tmp_path / f"t.{ending}", {**columns, "city": ["Bern"] * 60})
    with pytest.raises(ValueError, match=r"columns \['city'\] are not numbers; choose others with `columns`"):
        Table(path=path).rows()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_missing_values_are_counted(tmp_path, ending):
    path = write(tmp_path / f"t.{ending}", {"a": [1.0, None, 3.0], "b": [None, float("nan"), float("inf")]})
    with pytest.raises(ValueError, match="4 values are missing or not finite"):
        Table(path=path).rows()


def test_missing_integers_are_missing(tmp_path):
    path = write(tmp_path / "t.parquet", {"a": pa.array([1, None, 3], pa.int64())})
    with pytest.raises(ValueError, match="1 values are missing"):
        Table(path=path).rows()


def test_unknown_columns(tmp_path, columns):
    with pytest.raises(ValueError, match=r"no columns \['d'\]; it has: \['a', 'b', 'c'\]"):
        Table(path=write(tmp_path / "t.parquet", columns), columns=["a", "d"]).rows()


def test_too_few_rows(tmp_path):
    path = write(tmp_path / "t.csv", {"a": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="the data have 3 rows"):
        Table(path=path).load({}, seed=1)


@pytest.mark.parametrize("shape", [(0, 3), (0,)])
def test_empty_arrays_say_so(tmp_path, shape):
    np.save(tmp_path / "t.npy", np.zeros(shape))
    with pytest.raises(ValueError, match="holds no values"):
        Table(path=str(tmp_path / "t.npy")).rows()


def test_an_array_of_text_says_so(tmp_path):
    np.save(tmp_path / "t.npy", np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"t\.npy"):
        Table(path=str(tmp_path / "t.npy")).rows()


def test_columns_of_an_array_are_refused(tmp_path):
    """.npy has no names: asking for some must not be ignored."""
    np.save(tmp_path / "t.npy", ROWS)
    with pytest.raises(ValueError, match="columns"):
        Table(path=str(tmp_path / "t.npy"), columns=["a"]).rows()
