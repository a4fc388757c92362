"""Files are whole or absent, and points come back as they were."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorebench import storage
from scorebench.progress.scratch import sweep


@given(n=st.integers(0, 5), d=st.integers(1, 4), seed=st.integers(0, 99))
def test_points_come_back(tmp_path_factory: pytest.TempPathFactory, n: int, d: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    path = tmp_path_factory.mktemp("points") / "x.parquet"
    storage.write_table(path, pa.table({"x": storage.points_column(points)}))
    back = storage.points_of(storage.read_table(path)["x"])
    assert back.shape == (n, d)
    assert np.array_equal(back, points)
    back += 1  # writable: not Arrow's memory


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    storage.write_json(path, {"old": 1})

    def interrupted() -> None:
        with storage.whole(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert storage.read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(ValueError, match="Out of range"):
        storage.write_json(path, {"new": float("nan")})
    assert storage.read_json(path) == {"old": 1}


def test_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0], "b": ["x", None]})
    for name in ("one", "two"):
        storage.write_table(tmp_path / name, table)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    for name in (".model.safetensors.123.tmp", "model.safetensors", ".gitignore"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"model.safetensors", ".gitignore"}
