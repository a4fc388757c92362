"""A table of your own: CSV and its relatives, Excel, Parquet, Feather, npy or npz."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, NonNegativeInt

from scorebench.data import Points, Source, split_counts, split_rows, standardise
from scorebench.parts import wording

if TYPE_CHECKING:
    import numpy as np

    from scorebench.data._treated import Treated


def _are_names(given: object) -> object:
    """Names of columns, each once."""
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ValueError("must be a list of names of columns (put numbers in quotes)")
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ValueError(f"{wording.quoted(twice)} stands there more than once")
    return given


def _are_columns(given: object) -> object:
    if given is None or given == "numeric":
        return given
    if isinstance(given, str) or given in ([], ()):
        raise ValueError("must be a list of names of columns, or `numeric`")
    return _are_names(given)


def _are_discrete(given: object) -> object:
    if given == "auto" or isinstance(given, bool):
        return given
    if isinstance(given, str):
        raise ValueError("must be auto, true, false, or a list of names of columns")
    return _are_names(given)


def _is_index(given: object) -> object:
    return given if given is None else _are_names(given)


class Table(Source):
    """Rows of numbers from a file, every column scaled to mean 0 and standard deviation 1.

    Formats: .csv, .tsv, .txt, .dat and .data, also with .gz; .xlsx; .parquet, .feather and .arrow; .npy and .npz. What
    the options leave open is guessed, and `scorebench validate` says in a line each what was read, guessed, dropped
    and changed. Columns that hold one value are carried through unchanged; coarse discrete ones are made continuous by
    noise that samples lose again. Of arrays whose rows have two or three axes all values keep one scale.
    """

    path: str
    """The file; the ending says the format, in capital or small letters."""
    columns: Annotated[tuple[str, ...] | Literal["numeric"] | None, BeforeValidator(_are_columns)] = None
    """Columns to use, by name (x0, x1, ... where the file has none), or `numeric`: all that hold numbers. Without it
    all are used, but for those that name the rows or hold classes, and all must be numbers."""
    where: dict[str, bool | int | float | str] | None = None
    """Keep the rows in which other columns hold these values: `{color: red}`."""
    index: Annotated[tuple[str, ...] | None, BeforeValidator(_is_index)] = None
    """Columns that name the rows, and are not used; without it they are guessed."""
    distinct: bool = False
    """Keep one of rows that are the same in all columns of the file, used or not, so that no test row is a training
    row; refused where rows are the same by chance because values are rounded."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What is done with rows in which a value is missing or infinite."""
    missing_values: tuple[float | str, ...] = ()
    """What else stands for a missing value, such as -999."""
    dequantise: Annotated[Literal["auto"] | bool | tuple[str, ...], BeforeValidator(_are_discrete)] = "auto"
    """Which discrete columns get uniform noise of one step: those with steps above an eighth of their standard
    deviation, all, none, or these."""
    separator: str | None = None
    """Of text: what stands between columns: one character, `tab` or `spaces`."""
    decimal: Literal[".", ","] | None = None
    """Of text: the decimal sign."""
    header: bool | None = None
    """Of text and Excel: whether the first row holds names."""
    skip_rows: NonNegativeInt = 0
    """Of text and Excel: lines to leave out at the beginning."""
    encoding: str | None = None
    """Of text: utf-8, utf-16, latin-1, ..."""
    sheet: str | None = None
    """Of Excel: the sheet, if not the first."""
    array: str | None = None
    """Of npz: the array."""
    origin: str = ""
    """Where the data are from; written down beside the prepared data."""
    licence: str = "not stated"
    """Their licence; written down too."""

    def files(self) -> list[Path]:
        """The table."""
        return [Path(self.path)]

    def look(self) -> Treated:
        """The file as it is to be used, and what is to be said of it.

        Raises:
            ValueError: what is wrong with the file or the options, in one sentence.
        """
        file = Path(self.path)
        state = (file.stat().st_mtime_ns, file.stat().st_size) if file.is_file() else (0, 0)
        return _look(self.model_dump_json(), str(file.resolve()), *state)

    def rows(self) -> np.ndarray:
        """All rows, (n, d), float64, without constant columns; discrete values as they are."""
        return self.look().values

    def dimension(self) -> int:
        """Number of columns used that are not constant."""
        return int(self.rows().shape[1])

    def check(self, sizes: dict[str, int | None]) -> None:
        """The file can be read and has rows enough."""
        split_counts(len(self.rows()), sizes)

    def said(self) -> tuple[str, ...]:
        """What was read, guessed, dropped and changed, and what may be wrong, a line each."""
        seen = self.look()
        return (*seen.said, *(f"caution: {text}" for text in seen.cautions))

    def continuous(self, seed: int) -> np.ndarray:
        """All rows, (n, d), with noise of one step in discrete columns that are made continuous."""
        import numpy as np

        from scorebench.streams import seed_of

        return self.look().continuous(np.random.default_rng(seed_of(seed, "dequantise")))

    def scaled(self, splits: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[float], list[float]]:
        """Rows per split as a study has them, and the shift and scale: of each column, or of all values of images."""
        return standardise(splits, per_column=bool(self.look().columns))

    def load(self, sizes: dict[str, int | None], seed: int) -> Points:
        """The rows, made continuous, shuffled, split and standardised.

        Raises:
            ValueError: a column that has one value in all training rows and others in the rest.
        """
        import numpy as np

        seen = self.look()
        parts = split_rows(self.continuous(seed), sizes, seed)
        still = [name for name, x in zip(seen.names, parts["train"].T, strict=True) if np.ptp(x) == 0]
        if still and seen.columns:
            raise ValueError(f"{self.path}: {wording.quoted(still)} holds one value in all training rows: leave it out")
        splits, shift, scale = self.scaled(parts)
        return Points(
            splits,
            self.origin or self.path,
            self.licence,
            image=seen.image,
            shift=shift,
            scale=scale,
            columns=seen.columns or None,
            said=self.said(),
        )


@functools.lru_cache(maxsize=8)
def _look(options: str, place: str, changed: int, size: int) -> Treated:
    """What a file of this state holds: a study asks several times."""
    from scorebench.data._chosen import Wanted, choose
    from scorebench.data._files import Layout
    from scorebench.data._treated import treat

    t = Table.model_validate_json(options)
    texts = tuple(value for value in t.missing_values if isinstance(value, str))
    numbers = tuple(value for value in t.missing_values if not isinstance(value, str))
    layout = Layout(t.separator, t.decimal, t.header, t.skip_rows, t.encoding, t.sheet, t.array, texts)
    wanted = Wanted(Path(t.path), layout, t.columns, t.index, t.where or {}, t.missing == "drop", numbers, t.distinct)
    chosen = choose(wanted)
    return treat(wanted.path, chosen, t.dequantise)
