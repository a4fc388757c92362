"""Files in odd formats: each comes out right, with a line on what was decided, or is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odd_files import ODD, Odd

from scorebench import parts
from scorebench.data.table import Table


@pytest.mark.parametrize("odd", [odd for odd in ODD if not odd.refused], ids=lambda odd: odd.name)
def test_a_damaged_file_is_read_or_refused_in_a_sentence(odd: Odd, tmp_path: Path) -> None:
    """Cut off, other bytes, bytes taken out, bytes put in: at most a ValueError of one line that names the file."""
    draws, file = np.random.default_rng(len(odd.name)), tmp_path / odd.name
    odd.make(file)
    whole = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    at = draws.integers(0, len(whole), 4)
    other = whole.copy()
    other[at] = draws.integers(0, 256, 4)
    for damaged in (whole[: at[0]], other, np.delete(whole, at), np.insert(whole, at[0], list(b'";,\n#'))):
        file.write_bytes(damaged.tobytes())
        try:
            read(file, odd)
        except ValueError as error:
            assert str(error).startswith(str(file)) and len(str(error).splitlines()) == 1  # noqa: PT017, PT018


def read(file: Path, odd: Odd) -> Table:
    table = parts.build("source", "table", {"path": str(file), **odd.options})
    assert isinstance(table, Table)
    table.look()
    return table


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_a_file_comes_out_right_or_is_refused_in_a_sentence(odd: Odd, tmp_path: Path) -> None:
    file = tmp_path / odd.name
    odd.make(file)
    if odd.refused:
        with pytest.raises(ValueError, match=odd.refused) as refusal:
            read(file, odd)
        assert len(str(refusal.value).splitlines()) == 1
        return
    table = read(file, odd)
    seen, told = table.look(), "\n".join(table.said())
    assert tuple(column.name for column in seen.columns) == odd.columns
    np.testing.assert_allclose(seen.values, odd.rows, rtol=1e-12)
    assert [words for words in odd.said if words not in told] == [], told
    assert told.startswith(f"read: {file}")
