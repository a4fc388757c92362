"""Sentences of errors, made where they are shown from what the error holds.

No key holds this module (`study.keys.NOT_IN_KEYS`), so a sentence can be bettered and nothing is computed again. That
is right because modules of numbers call it in what they raise only, and it imports nothing that decides a number.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def nearest(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'x'?)` where a known name is close, else nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean '{close[0]}'?)" if close else ""


def kind(value: object) -> str:
    """What a value is, in a word or two: `a list`, `None`."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def shapes(**tensors: Any) -> str:
    """`x (64, 2), sigma (64,)`."""
    return ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())


def tensors(**tensors: Any) -> str:
    """`x (64, 2) float32, sigma (64,) int64`."""
    return ", ".join(f"{name} {tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for name, t in tensors.items())


def unknown_part(kind: str, name: str, known: Sequence[str]) -> str:
    """A name that no file of this kind has."""
    return f"no {kind} is called '{name}'{nearest(name, known)}; there are: {', '.join(known)}"


def not_one_part(file: str | None, count: int) -> str:
    """A file of parts that does not define exactly one."""
    return f"{file} must define one public class derived from Part, it defines {count}"


def broken_part(kind: str, file: Path, error: BaseException) -> str:
    """A file of a part that Python can't run, or a class in it that can't be built: where, and what it says."""
    if isinstance(error, SyntaxError):
        return f"the {kind} in {_near(Path(error.filename or file))} does not run: {syntax_error(error)}"
    lines = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).suffix == ".py"]
    own = [f for f in lines if Path(f.filename) == file] or [
        f for f in lines if file.parent in Path(f.filename).parents
    ]
    where = f"line {own[-1].lineno}: " if own else ""
    at = _near(Path(own[-1].filename) if own else file)
    return f"the {kind} in {at} does not run: {where}{type(error).__name__}: {' '.join(str(error).split())}"


def _near(file: Path) -> str:
    """A path as it is named from here, where that is shorter."""
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def incomplete_part(kind: str, package: str, cls: type[Any], missing: Sequence[str]) -> str:
    """A class that leaves out methods of its kind."""
    needed = " and ".join(f"`{name}`" for name in missing)
    return (
        f"{cls.__name__} in {cls.__module__} is no whole {kind}: it must define {needed},"
        f" as every {kind} does; scorebench.{package} says what each returns"
    )


def syntax_error(error: SyntaxError) -> str:
    """What is no Python, with its line and the code that stands there."""
    code = f": {error.text.strip()[:60]}" if error.text else ""
    return f"{type(error).__name__} in line {error.lineno}: {error.msg}{code}"


def no_weight(name: Any, known: Sequence[str]) -> str:
    """A name that no weighting has."""
    guess = nearest(name, known) if isinstance(name, str) else ""
    return (
        f"no weight is called {name!r}{guess}; there are: {', '.join(known)}, "
        "or a mapping with the name and the options of one, such as {name: min_snr, gamma: 5}"
    )


def invalid_value(error: Mapping[str, Any], fields: Sequence[str]) -> str:
    """One of pydantic's errors: what was given, what is allowed; `fields` are the names that there are."""
    given = error.get("input")
    if error["type"] == "extra_forbidden":
        name = str(error["loc"][-1])
        allowed = ", ".join(fields) if fields else "none"
        return f"unknown name '{name}'{nearest(name, fields)}; allowed: {allowed}"
    if error["type"] == "missing":
        return "is required"
    text = str(error["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    if isinstance(given, dict | list):
        return f"{text}; given: a {'mapping' if isinstance(given, dict) else 'list'}"
    return f"{text}; given: {given!r}"


def listed_faults(faults: Iterable[tuple[Sequence[str | int], str]]) -> str:
    """Faults (path, message) in one line."""
    return "; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in faults)


def first_few(items: Sequence[Any], most: int = 5) -> str:
    """`3, 8, 9, ...`: the first few of many."""
    return ", ".join(map(str, items[:most])) + (", ..." if len(items) > most else "")


def quoted(names: Sequence[str], most: int = 8) -> str:
    """`'a', 'b', ...`: the first few of many names."""
    return first_few([f"'{name}'" for name in names], most)


def rows_named(rows: Sequence[int]) -> str:
    """`rows 3, 8, 9 (counted from 0)` of row numbers; the first few of many."""
    return f"row{'s' if len(rows) > 1 else ''} {first_few(rows)} (counted from 0)"
