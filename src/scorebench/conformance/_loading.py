"""The loss that FILE.py:NAME, or the name of an objective of ours, names."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from scorebench import parts
from scorebench.conformance._calls import said
from scorebench.parts import wording


class Refused(ValueError):
    """A loss that can't be had, and why."""


def located(text: str) -> tuple[Path | None, str]:
    """The file of a loss (None for an objective of ours) and its name; nothing of the file is run.

    Raises:
        Refused: no such file or objective, or a file that is no Python.
    """
    if ":" not in text and not text.endswith(".py"):
        known = parts.names("objective")
        if text not in known:
            raise Refused(f"{wording.unknown_part('objective', text, known)}; a loss of your own is named FILE.py:NAME")
        return None, text
    file, _, name = text.rpartition(":")
    if text.endswith(".py") or not file or not name:
        whole = file if file.endswith(".py") else text.removesuffix(":")
        raise Refused(f"{text}: name the loss in the file: {whole}:NAME")
    path = Path(file)
    if not path.is_file():
        near = [str(p) for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise Refused(f"{path}: no such file{wording.nearest(str(path), near)}")
    if path.suffix != ".py":
        raise Refused(f"{path}: a Python file (.py) is wanted")
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Refused(f"{path} does not run: {wording.syntax_error(error)}") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} does not run: {error}") from None
    return path, name


def load(text: str) -> tuple[Any, str]:
    """The loss and its name; runs the file.

    Raises:
        Refused: a file that does not run, no such name in it, or nothing that can be called.
    """
    path, name = located(text)
    if path is None:
        try:
            return parts.build("objective", name), name
        except (parts.UnknownPart, parts.BadOptions) as error:
            raise Refused(str(error)) from None
    module = run(path)
    if not hasattr(module, name):
        public = [n for n, v in vars(module).items() if not n.startswith("_") and callable(v)]
        own = [n for n in public if getattr(vars(module)[n], "__module__", module.__name__) == module.__name__]
        raise Refused(f"{path} has no '{name}'{wording.nearest(name, own)}; it defines: {', '.join(own) or 'nothing'}")
    found = getattr(module, name)
    if inspect.isclass(found):
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise Refused(f"{text}: {name}() {said(error)}") from None
    if not callable(found):
        raise Refused(f"{text} is a {type(found).__name__}, which can't be called")
    return found, name


def run(path: Path) -> ModuleType:
    """The module in a file; it may import what lies beside it, when it is run and later.

    Raises:
        Refused: it does not run.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None, "a file that ends in .py"
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    sys.argv = [str(path)]
    sys.path.insert(0, folder)
    sys.modules.setdefault(path.stem, module)  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(module)
    except SystemExit as error:
        way = 'what runs as a program belongs under `if __name__ == "__main__":`'
        raise Refused(f"{path} {said(error)} when it was loaded: nothing is judged; {way}") from None
    except Exception as error:
        raise Refused(f"{path} does not run: it {said(error)}") from None
    finally:
        sys.path.remove(folder)
        sys.path.append(folder)
    return module
