"""Files in odd formats: each comes out right, with a line on what was decided, or is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from odd_files import ODD, Odd

from scorebench import parts
from scorebench.data.table import Table


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
