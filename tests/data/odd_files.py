"""Files as people have them, made on the spot: what each holds, the options it is read with, and what must come out."""

from __future__ import annotations

import datetime
import decimal
import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

N = 40
GENERATOR = np.random.default_rng(7)
A, B = GENERATOR.normal(5, 1, N).round(6), GENERATOR.normal(-2, 0.3, N).round(6)
ROWS = np.column_stack([A, B])
FRAME = pd.DataFrame({"a": A, "b": B})


@dataclass(frozen=True)
class Odd:
    """A file: how it is made, and either the columns that come out or words of the refusal.

    said: words that must be told; unless rows are given, they are ROWS.
    """

    name: str
    make: Callable[[Path], object]
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ("a", "b")
    rows: np.ndarray = field(default_factory=lambda: ROWS)
    said: tuple[str, ...] = ()
    refused: str = ""


def content(text: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def csv(frame: pd.DataFrame = FRAME, encoding: str = "utf-8", **how: Any) -> bytes:
    buffer = io.StringIO()
    frame.to_csv(buffer, **({"index": False} | how))
    return buffer.getvalue().encode(encoding)


def parquet(columns: Mapping[str, Any]) -> Callable[[Path], object]:
    return lambda path: pyarrow.parquet.write_table(pa.table(columns), path)


def excel(frame: pd.DataFrame, **how: Any) -> Callable[[Path], object]:
    return lambda path: frame.to_excel(path, **({"index": False} | how))


def npz(**arrays: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.savez(path, **arrays)


def npy(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.save(path, array, allow_pickle=True)


def german(frame: pd.DataFrame) -> bytes:
    return csv(frame, encoding="latin-1", sep=";", decimal=",")


IDS, KINDS = np.arange(100, 100 + N), np.arange(N) % 3
HOLES = FRAME.assign(b=np.where(np.arange(N) == 3, np.nan, B))
EXACT = [[decimal.Decimal(f"{value:.6f}") for value in column] for column in (A, B)]
NUMPY_TEXT = "# written by numpy\n# a b\n" + "\n".join(f"  {a!r}   {b!r}" for a, b in ROWS.tolist())
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(N)]
IMAGES = GENERATOR.integers(0, 256, (N, 5, 4)).astype(np.uint8)

ODD = [
    Odd("plain.csv", content(csv()), said=("commas between columns", "UTF-8", "40 rows, 2 of 2 columns")),
    Odd("LOUD.CSV", content(csv())),
    Odd("packed.csv.gz", content(gzip.compress(csv()))),
    Odd("damaged.csv.gz", content(gzip.compress(csv())[:50]), refused=r"damaged\.csv\.gz is compressed, and damaged"),
    Odd("tabs.tsv", content(csv(sep="\t")), said=("tabs between columns",)),
    Odd("bars.txt", content(csv(sep="|")), said=("bars between columns",)),
    Odd("numpy.txt", content(NUMPY_TEXT), said=("spaces", "names stand in the last line that begins with #")),
    Odd("windows.csv", content(csv().replace(b"\n", b"\r\n"))),
    Odd("old_mac.csv", content(csv().replace(b"\n", b"\r"))),
    Odd("german.csv", content(german(FRAME.rename(columns={"b": "Größe"}))), columns=("a", "Größe"),
        said=("semicolons between columns, decimal comma", "CP1252, guessed, for it is not UTF-8")),
    Odd("one_decimal.csv", content("a\n1,5\n2,5\n3,5\n"), refused="the rows have 2 cells; if the comma is a dec"),
    Odd("one_told.csv", content("a\n1,5\n2,5\n4,75\n"), {"decimal": ","}, columns=("a",),
        rows=np.array([[1.5], [2.5], [4.75]])),
    Odd("huge.csv", content(csv(FRAME.assign(c=A * 1e200))), refused="squares of 'c' are no numbers any more"),
    Odd("tiny.csv", content(csv(FRAME.assign(c=A * 1e-200))), refused="squares of 'c' are no numbers any more"),
    Odd("models.csv", content(csv(FRAME.assign(model=[f"{'4' if i == 3 else 'Mark'} {i}" for i in range(N)]))),
        said=("'model' (names of rows",)),
    Odd("one_bare.csv", content("1,5\n2,05\n4,75\n"), refused="the comma seems to be a decimal sign"),
    Odd("pairs.csv", content("1,5\n2,9\n4,75\n"), columns=("x0", "x1"), rows=np.array([[1, 5], [2, 9], [4, 75]]),
        said=("between two columns of whole numbers",)),
    Odd("r_words.txt", content(csv(FRAME.rename(columns={"b": "mean radius"}), sep=" ")), columns=("a", "mean radius")),
    Odd("thousands.csv", content("a;b\n1.234,5;2\n2.345,5;3\n"), refused=r"row 0 of 'a' holds '1\.234,5'"),
    Odd("excel_text.csv", content(csv(encoding="utf-8-sig")), said=("UTF-8",)),
    Odd("unicode.csv", content(csv(encoding="utf-16")), said=("UTF-16",)),
    Odd("unmarked.csv", content(csv(encoding="utf-16-le")), refused="unmarked.csv .* bytes of 0 .*say `encoding`"),
    Odd("told.csv", content(csv(encoding="utf-16-le")), {"encoding": "utf-16-le"}),
    Odd("wrong.csv", content(german(FRAME.rename(columns={"b": "Größe"}))), {"encoding": "utf-8"},
        refused=r"wrong\.csv is not utf-8 text \(byte 4\)"),
    Odd("bare.csv", content(csv(header=False)), columns=("x0", "x1"),
        said=("no header, for the first row holds numbers",)),
    Odd("told_bare.csv", content(b"1,2\n" + csv(header=False)), {"header": True}, columns=("1", "2")),
    Odd("flowers.csv", content(b"40,2,setosa,versicolor\n" + csv(FRAME.assign(kind=KINDS), header=False)),
        columns=("x0", "x1"), said=("says that there are 40 rows of 2 columns", "'x2' (classes")),
    Odd("mixed.csv", content(b"150,b,2024\n1,2,3\n2,3,4\n"), refused="holds names and numbers: say `header: true`"),
    Odd("uci.data", content(csv(FRAME.assign(kind=list("uvwx") * 10), header=False)), {"columns": ["x0", "x1"]},
        columns=("x0", "x1"), said=("the first row looks like the others",)),
    Odd("title.csv", content(b"Measured in May\n\n" + csv()), {"skip_rows": 2}),
    Odd("trailing.csv", content(csv().replace(b"\n", b",\n").replace(b"a,b,", b"a,b", 1)),
        said=("empty cell at the end",)),
    Odd("index.csv", content(csv(index=True)), said=("'' (names of rows",)),
    Odd("numbered.csv", content(csv(FRAME.set_axis([0, 1], axis=1), index=True)), columns=("0", "1"),
        said=("first row holds the names, numbers that pandas gives",)),
    Odd("years.csv", content(csv(FRAME.assign(c=A).set_axis([2019, 2020, 2021], axis=1), index=True)),
        columns=("2019", "2020", "2021"), rows=np.column_stack([A, B, A])),
    Odd("for_excel.csv", content(b"sep=;\n" + csv(sep=";"))),
    Odd("index_twice.csv", content(csv(FRAME.assign(**{"Unnamed: 0": IDS}))), said=("'Unnamed: 0' (names of rows",)),
    Odd("r.txt", content(csv(sep=" ", index=True).replace(b'"" a b', b"a b").replace(b" a b\n", b"a b\n", 1)),
        said=("'' (names of rows",)),
    Odd("ids.csv", content(csv(FRAME.assign(patient_id=IDS[::-1] * 7, day=DAYS, code=[f"P{i}" for i in IDS]))),
        said=("'patient_id', 'day', 'code' (names of rows",)),
    Odd("camel.csv", content(csv(FRAME.assign(CustomerID=IDS * 3, rank=np.random.default_rng(1).permutation(N)))),
        said=("'CustomerID', 'rank' (names of rows",)),
    Odd("kept_ids.csv", content(csv(FRAME.assign(nr=IDS))), {"columns": ["nr", "a"]}, columns=("nr", "a"),
        rows=np.column_stack([IDS, A]), said=("caution: 'nr' holds another whole number in each row",)),
    Odd("told_ids.csv", content(csv(FRAME.assign(key=IDS[::-1]))), {"index": ["key"]}, said=("'key' (names of rows",)),
    Odd("classes.csv", content(csv(FRAME.assign(species=KINDS, treated=KINDS > 0))),
        said=("'species', 'treated' (classes",)),
    Odd("codes.csv", content(csv(FRAME.assign(glass_class=np.array([2, 3, 7])[KINDS], sign=np.sign(KINDS - 0.5)))),
        said=("'glass_class', 'sign' (classes",)),
    Odd("words.csv", content(csv(FRAME.assign(city="Bern"))), refused=r"columns \['city'\] are not numbers.*'Bern'"),
    Odd("numeric.csv", content(csv(FRAME.assign(city="Bern"))), {"columns": "numeric"}, said=("'city' (no numbers",)),
    Odd("slip.csv", content(csv().replace(f"{B[3]}".encode(), b"12 kg")), refused=r"row 3 of 'b' holds '12 kg'"),
    Odd("twice.csv", content(csv(header=["a", "a"])), refused="several columns called 'a'"),
    Odd("asked_twice.csv", content(csv()), {"columns": ["a", "a"]}, refused="'a' stands there more than once"),
    Odd("unknown.csv", content(csv()), {"columns": ["a", "bb"]}, refused=r"no columns \['bb'\].*did you mean 'b'"),
    Odd("holes.csv", content(csv(HOLES, na_rep="NA")), refused=r"1 values .* in rows 3 .*of 'b'; `missing: drop`"),
    Odd("question.csv", content(csv(HOLES, na_rep="?")), {"missing": "drop"}, rows=np.delete(ROWS, 3, 0),
        said=("dropped: 1 rows in which 'b' miss 1 values",)),
    Odd("infinite.csv", content(csv(FRAME.assign(b=np.where(np.arange(N) == 3, np.inf, B)))), {"missing": "drop"},
        rows=np.delete(ROWS, 3, 0), said=("1 of them infinite",)),
    Odd("sentinel.csv", content(csv(FRAME.assign(b=np.where(np.arange(N) == 3, -999, B)))),
        rows=np.column_stack([A, np.where(np.arange(N) == 3, -999, B)]), said=("caution: 'b' holds -999 in 1 rows",)),
    Odd("told_sentinel.csv", content(csv(FRAME.assign(b=np.where(np.arange(N) == 3, -999, B)))),
        {"missing": "drop", "missing_values": [-999]}, rows=np.delete(ROWS, 3, 0)),
    Odd("blank.csv", content(csv(FRAME.assign(note=np.nan))), said=("'note' (empty",)),
    Odd("empty.csv", content(b""), refused="empty.csv holds no values"),
    Odd("header_only.csv", content(b"a,b\n"), refused="header_only.csv holds no values"),
    Odd("where.csv", content(csv(FRAME.assign(diet=KINDS + 1))), {"where": {"diet": "1"}}, rows=ROWS[::3]),
    Odd("where_holes.csv", content(csv(HOLES.assign(diet=KINDS))), {"where": {"diet": 0}},
        refused="in rows 3 .counted"),
    Odd("where_index.csv", content(csv(FRAME.assign(diet=KINDS), index=True)), {"where": {"diet": 0}}, rows=ROWS[::3],
        said=("'' (names of rows",)),
    Odd("where_text.csv", content(csv(FRAME.assign(on=np.where(KINDS > 0, "true", "no")))), {"where": {"on": True}},
        rows=ROWS[KINDS > 0]),
    Odd("where_none.csv", content(csv(FRAME.assign(diet=KINDS + 1))), {"where": {"diet": 4}},
        refused="it holds 1, 2, 3$"),
    Odd("constant.csv", content(csv(FRAME.assign(c=7.1))), columns=("a", "b", "c"), said=("again: 'c' (7.1)",)),
    Odd("index.parquet", lambda path: FRAME.set_axis(IDS[::-1]).to_parquet(path), said=("__index_level_0__",)),
    Odd("named_index.parquet", lambda path: FRAME.assign(when=A).set_index("when").to_parquet(path),
        said=("'when' (names of rows",)),
    Odd("decimal.parquet", parquet({"a": pa.array(EXACT[0], pa.decimal128(12, 6)), "b": EXACT[1]})),
    Odd("lists.parquet", parquet({"v": ROWS.tolist()}), columns=("v[0]", "v[1]"), said=("lists of 'v' as 2 columns",)),
    Odd("ragged.parquet", parquet({"v": [[1.0, 2.0], [3.0]]}),
        refused="row 1 of 'v' .* holds a list of 1, row 0 one of 2"),
    Odd("half.parquet", parquet({"a": pa.array(A.astype("f2")), "b": pa.array(B.astype("f4")).dictionary_encode()}),
        rows=np.column_stack([A.astype("f2"), B.astype("f4")])),
    Odd("Feather.feather", lambda path: pyarrow.feather.write_feather(FRAME, str(path))),
    Odd("sheet.xlsx", excel(FRAME, index=True), said=("xlsx, sheet 'Sheet1'", "'' (names of rows")),
    Odd("days.xlsx", excel(FRAME.assign(day=pd.to_datetime(DAYS)[::-1])), said=("'day' (names of rows",)),
    Odd("sheets.xlsx", excel(FRAME.assign(b=[str(b) for b in B]), sheet_name="May"), {"sheet": "May"}),
    Odd("no_sheet.xlsx", excel(FRAME), {"sheet": "June"}, refused="has no sheet 'June'; it has: Sheet1"),
    Odd("fake.xlsx", content(csv()), refused="fake.xlsx is not an xlsx file that can be read"),
    Odd("one.npz", npz(data=ROWS), columns=("x0", "x1"), said=("array 'data'",)),
    Odd("vectors.npz", npz(a=A, b=B)),
    Odd("several.npz", npz(X=ROWS, y=KINDS),
        refused=r"name one by `array`: 'X' of shape \(40, 2\), 'y' of shape \(40,\)"),
    Odd("chosen.npz", npz(X=ROWS, y=KINDS), {"array": "X"}, columns=("x0", "x1")),
    Odd("record.npy", npy(FRAME.to_records(index=False))),
    Odd("big_endian.npy", npy(np.asfortranarray(ROWS).astype(">f8")), columns=("x0", "x1")),
    Odd("objects.npy", npy(np.array([{}, []], dtype=object)), refused="it holds Python objects, which are not read"),
    Odd("complex.npy", npy(ROWS * 1j), refused="must hold rows of real numbers, it holds complex128"),
    Odd("option.npy", npy(ROWS), {"separator": ";"}, refused="`separator` says how text is read"),
    Odd("images.npy", npy(IMAGES), columns=(), rows=IMAGES.reshape(N, 20).astype(float),
        said=("one scale for all 20 values",)),
    Odd("unknown.doc", content("a"), refused=r"unknown\.doc: the ending must be one of \.csv"),
]  # fmt: skip
