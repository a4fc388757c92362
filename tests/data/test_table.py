"""A table of one's own: formats that mean the same, and faults that are named; test_odd_files.py has the odd ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from ruamel.yaml import YAML

from scorebench import parts
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
    (tmp_path / "t.sav").write_text("a")
    with pytest.raises(ValueError, match=r"must be one of \.csv, \.tsv, .* \(of text also with \.gz\)"):
        Table(path=str(tmp_path / "t.sav")).rows()


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


def test_columns_of_an_array_are_counted(tmp_path):
    """.npy has no names: x0, x1, ... stand for them, and asking for others must not be ignored."""
    np.save(tmp_path / "t.npy", ROWS)
    np.testing.assert_array_equal(Table(path=str(tmp_path / "t.npy"), columns=["x2", "x0"]).rows(), ROWS[:, [2, 0]])
    with pytest.raises(ValueError, match="columns"):
        Table(path=str(tmp_path / "t.npy"), columns=["a"]).rows()


def test_rows_are_kept_by_the_value_of_another_column(tmp_path, columns):
    kinds = ["red", "white", "red"] * 20
    path = write(tmp_path / "t.csv", {**columns, "kind": kinds})
    table = Table(path=path, where={"kind": "white"})
    np.testing.assert_allclose(table.rows(), ROWS[1::3], rtol=1e-15)  # the column asked about is not one of the data
    assert table.dimension() == 3
    with pytest.raises(ValueError, match="no row has 'green' in 'kind'; it holds 'red', 'white'"):
        Table(path=path, where={"kind": "green"}).check({})
    with pytest.raises(ValueError, match="has no columns \\['sort'\\]"):
        Table(path=path, where={"sort": "red"}).check({})
    npy = tmp_path / "t.npy"
    np.save(npy, ROWS)
    with pytest.raises(ValueError, match=r"no columns \['kind'\].* it has no names; columns are counted"):
        Table(path=str(npy), where={"kind": "red"}).check({})


def test_distinct_rows_are_kept_once_in_their_order(tmp_path):
    npy = tmp_path / "t.npy"
    np.save(npy, np.concatenate([ROWS[:7], ROWS[3:10], ROWS[:2]]))
    assert len(Table(path=str(npy)).rows()) == 16
    np.testing.assert_array_equal(Table(path=str(npy), distinct=True).rows(), ROWS[:10])


@pytest.mark.parametrize(("color", "rows", "distinct"), [("red", 1599, 1359), ("white", 4898, 3961)])
def test_wine_quality_is_the_published_table(color, rows, distinct):
    """Rows as Cortez et al. (2009) and UCI state them; 11 physical measurements; no row both in train and in test."""
    file = Path(__file__).parents[2] / "data" / "raw" / "wine_quality.csv"
    kept = {"path": str(file), "where": {"color": color}, "columns": FEATURES}
    assert Table(**kept).rows().shape == (rows, 11)
    table = Table(**kept, distinct=True)
    assert table.rows().shape == (distinct, 11)
    points = table.load({}, seed=1)
    train, test = ({row.tobytes() for row in points.splits[split]} for split in ("train", "test"))
    assert not train & test


def test_the_options_of_the_documentation_are_taken() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    entry = YAML(typ="safe").load(block)["mine"]
    table = parts.build("source", entry["source"], entry["options"])
    assert isinstance(table, Table)
    assert table.missing_values == (-999,)


FEATURES = [
    "fixed_acidity", "volatile_acidity", "citric_acid", "residual_sugar", "chlorides", "free_sulfur_dioxide",
    "total_sulfur_dioxide", "density", "pH", "sulphates", "alcohol",
]  # fmt: skip
