"""Files are whole or absent, and points come back as they were."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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


def test_a_table_comes_back_as_it_was_without_pandas(tmp_path: Path) -> None:
    """Types, names of columns and groups of rows too, as the reader that takes pandas has them."""
    names = pa.array(["a", None, "b"] * 1000, pa.string()).dictionary_encode()
    points = storage.points_column(np.arange(6000, dtype=np.float32).reshape(3000, 2))
    table = pa.table({"sampler": names, "x": points, "value": pa.array([0.1, None, 3.0] * 1000)})
    storage.write_table(tmp_path / "a=b" / "table.parquet", table)
    back = storage.read_table(tmp_path / "a=b" / "table.parquet")
    assert back.to_pylist() == table.to_pylist()
    assert back.equals(pq.read_table(tmp_path / "a=b" / "table.parquet", partitioning=None), check_metadata=True)
    code = "import sys; from scorebench import storage; from pathlib import Path; storage.read_table(Path(sys.argv[1]))"
    file = str(tmp_path / "a=b" / "table.parquet")
    done = subprocess.run([sys.executable, "-c", f"{code}; assert 'pandas' not in sys.modules", file], check=False)
    assert done.returncode == 0


def test_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    for name in (".model.safetensors.123.tmp", "model.safetensors", ".gitignore"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"model.safetensors", ".gitignore"}
