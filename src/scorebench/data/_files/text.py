"""CSV and its relatives: text in which rows are lines; what is not said of their layout is guessed, and told."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from scorebench.data._files import MISSING, Layout, Read, library
from scorebench.data._files.header import is_number, names_and_start

LOOKED_AT = 50
"""Lines that a guess is made from."""
SPACES = " "
"""Any run of spaces and tabs."""
SEPARATORS = ("\t", ";", "|", ",", SPACES)
"""In the order in which they are tried: a comma may be a decimal sign, a space may stand in a text."""
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": SPACES, "spaces": SPACES}
SHOWN = {"\t": "tabs", SPACES: "spaces", ",": "commas", ";": "semicolons", "|": "bars"}
SEPARATOR_OF_EXCEL = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
"""A first line that tells Excel what stands between columns."""
LEADING = re.compile(r"(?:[ \t]*\n|#[^\n]*\n)*")
"""Empty lines and comments before the table."""
WORDS = re.compile(r'"[^"]*"|\S+')
"""What spaces stand between."""
WHOLE = re.compile(r"[+-]?\d+")
EMPTY = re.compile(r"\n(?:[ \t]*\n)+")
MARKS = (  # the longer first, for one is the beginning of another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, layout: Layout) -> Read:
    """The columns, each as the type that all of its cells have."""
    text, said = _decoded(path, layout.encoding)
    for _ in range(layout.skip_rows):
        text = text.partition("\n")[2]
    if layout.separator is None and (told := SEPARATOR_OF_EXCEL.match(text)):
        layout, text = dataclasses.replace(layout, separator=told[1]), text[told.end() :]
    comments = LEADING.match(text)
    assert comments is not None, "it matches nothing at least"
    text, noted = text[comments.end() :], [line for line in comments[0].split("\n") if line.strip()]
    text, empty = EMPTY.subn("\n", text.rstrip()) if EMPTY.search(text) else (text.rstrip(), 0)
    if not text:
        return Read([], [], [])
    lines, count = text.split("\n", LOOKED_AT)[:LOOKED_AT], text.count("\n") + 1
    separator = _separator(path, lines, layout)
    rows = _cells(lines, separator)
    decimal = layout.decimal or _decimal(rows, separator)
    names, start, guess = names_and_start(path, rows, layout.header, count)
    if layout.separator is None and separator == ",":
        guess += _two_whole_columns(path, rows[start:])
    if noted and names is None and not start and layout.header is not False:
        names = _names_in(noted[-1], separator, len(rows[0]))
        guess = ["guessed: the names stand in the last line that begins with #"] if names else guess
    for _ in range(_lines_of_header(lines, separator) if start else 0):
        text = text.partition("\n")[2]
    if not text:
        return Read([], [], [])
    width = max(Counter(map(len, rows[start:] or rows)).items(), key=lambda item: item[1])[0]
    table = _parsed(path, text, separator, decimal, width, layout.missing)
    shape = f"{SHOWN.get(separator, repr(separator))} between columns, decimal {'point' if decimal == '.' else 'comma'}"
    read = Read(names or [f"x{i}" for i in range(width)], table.columns, [], named=names is not None)
    if names is not None and len(names) != width:
        _fit_names(path, read, names, width, separator)
    if empty:
        guess.append(f"dropped: empty lines, in {empty} places")
    if noted:
        guess.append(f"dropped: {len(noted)} lines that begin with #")
    read.said = [f"read: {path} (text, {shape}, {said})", *read.said, *guess]
    return read


def _decoded(path: Path, encoding: str | None) -> tuple[str, str]:
    """The text with lines that end in newline characters, and how it was encoded."""
    with library(path, "a file"):
        raw = path.read_bytes()
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is compressed, and damaged: {error}") from None
    said = encoding or next((name for mark, name in MARKS if raw.startswith(mark)), "")
    tried = [said] if said else ["utf-8", "cp1252", "latin-1"]
    if not said and b"\0" in raw[:4096]:
        raise ValueError(f"{path} is no text that can be read: it holds bytes of 0 (if it is UTF-16, say `encoding`)")
    for name in tried:
        try:
            text = raw.decode(name)
        except LookupError:
            raise ValueError(f"{path}: there is no encoding '{name}'; there are utf-8, utf-16, latin-1, ...") from None
        except UnicodeDecodeError as error:
            if name == tried[-1]:
                raise ValueError(f"{path} is not {name} text (byte {error.start}); say which by `encoding`") from None
        else:
            break
    guess = "" if said or name == "utf-8" else ", guessed, for it is not UTF-8"
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text, f"{name.removesuffix('-sig').upper()}{guess}"


def _separator(path: Path, lines: Sequence[str], layout: Layout) -> str:
    """What stands between columns: as given, or the first candidate that splits most lines into equally many cells."""
    if (given := layout.separator) is not None:
        separator = NAMED.get(given.lower(), given)
        if len(separator) != 1:
            raise ValueError(
                f"{path}: `separator` must be one character, or one of {', '.join(NAMED)}; given: {given!r}"
            )
        return separator
    decimal_only = layout.decimal == "," and not any('"' in line for line in lines)
    best, share = ";" if decimal_only else ",", 0.5
    for candidate in SEPARATORS:
        if candidate == "," and decimal_only:
            continue
        counts = Counter(map(len, _cells(lines, candidate)))
        cells, found = max(counts.items(), key=lambda item: item[1])
        if cells > 1 and found / len(lines) > share:
            best, share = candidate, found / len(lines)
    return best


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    if separator == SPACES:
        return [[cell.strip('"') for cell in WORDS.findall(line)] for line in lines]
    return [row for row in csv.reader(lines, delimiter=separator) if row]


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> str:
    """A comma where cells have one as a decimal sign and none has a point."""
    cells = [cell.strip() for row in rows for cell in row if is_number(cell)]
    commas = any("," in cell for cell in cells)
    return "," if commas and separator != "," and not any("." in cell for cell in cells) else "."


def _two_whole_columns(path: Path, rows: Sequence[Sequence[str]]) -> list[str]:
    """What is said of lines such as 12,5: two columns, or one number.

    Raises:
        ValueError: the part behind the comma is no whole number that anybody would write.
    """
    if not rows or not all(len(row) == 2 and WHOLE.fullmatch(row[0]) and row[1].isdigit() for row in rows):
        return []
    say = '`decimal: ","`, or else `separator: ","`'
    if any((second.startswith("0") and len(second) > 1) or len(second) > 9 for _, second in rows):
        raise ValueError(f"{path}: the comma seems to be a decimal sign and to stand between columns: say {say}")
    return ['guessed: the comma stands between two columns of whole numbers (`decimal: ","` makes it one of decimals)']


def _names_in(comment: str, separator: str, width: int) -> list[str] | None:
    """Names in a line such as `# a b c`, as numpy writes it; None where there are not as many as columns."""
    names = [name.strip() for name in _cells([comment.lstrip("# ")], separator)[0]] if comment.strip("# ") else []
    return names if len(names) == width and not any(map(is_number, names)) else None


def _lines_of_header(lines: Sequence[str], separator: str) -> int:
    """Names in quotes may go over several lines."""
    if separator == SPACES:
        return 1
    reader = csv.reader(lines, delimiter=separator)
    next(reader)
    return reader.line_num


def _parsed(path: Path, text: str, separator: str, decimal: str, width: int, missing: Sequence[str]) -> pa.Table:
    if separator == SPACES:
        text, separator = "\n".join("\t".join(WORDS.findall(line)) for line in text.split("\n")), "\t"
    options = {
        "read_options": pyarrow.csv.ReadOptions(column_names=[str(i) for i in range(width)]),
        "parse_options": pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values='"' in text),
        "convert_options": pyarrow.csv.ConvertOptions(
            null_values=[*MISSING, *missing], strings_can_be_null=True, decimal_point=decimal
        ),
    }
    with library(path, "a csv file"):
        return pyarrow.csv.read_csv(io.BytesIO(text.encode()), **options)


def _fit_names(path: Path, read: Read, names: list[str], width: int, separator: str) -> None:
    """Rows with one cell more than there are names: R's names of rows in front, or a separator at the end."""
    if len(names) != width - 1 or (len(names) == 1 and separator == ","):
        comma = "; if the comma is a decimal sign, say so by `decimal`" if separator == "," else ""
        raise ValueError(f"{path}: the header has {len(names)} names, the rows have {width} cells{comma}")
    if read.columns[-1].null_count == len(read.columns[-1]):
        read.names, read.columns = names, read.columns[:-1]
        read.said.append("dropped: nothing but an empty cell at the end of each row")
    else:
        read.names, read.index = ["", *names], {0}
