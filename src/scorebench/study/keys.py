"""What a result was made from: source code, package versions, commit, machine."""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from pydantic import JsonValue

from scorebench.study import sources
from scorebench.study.files import Fault, InvalidStudy
from scorebench.study.sources import ROOT as ROOT

PACKAGE = "scorebench"
NUMERIC = {
    "torch": "torch",
    "torchdiffeq": "torchdiffeq",
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "ot": "POT",
}
"""Packages that decide numbers: import name -> distribution."""
NOT_IN_KEYS = frozenset(
    {
        "scorebench.parts.wording",
        "scorebench.storage.whole_files",
        "scorebench.samplers._bar",
        "scorebench.study.stages",
    }
)
"""Modules that decide no number though modules that do import them: they make sentences of errors, move finished files
to their place, draw a bar, list the stages (what a stage reads is in its key as its inputs). They import nothing that
computes."""
FAULTS = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ArithmeticError | AssertionError)
)
"""Names of exceptions that say that a program or its input is wrong: no result holds what they say. A result may hold
what others say: `Unsuitable`, breakdowns of arithmetic (`training.loop.RESULTS`), assertions (`ode.Unsolved`)."""
WORDS = frozenset({"not_applicable", "changes_objective"})
"""What parts say of themselves in words, for the plan and for people; no stage reads it. The plan holds the reasons."""


class Ingredients(TypedDict):
    """All that a key is the hash of: module -> hash, package -> version, what the job is told, input -> key."""

    stage: str
    code: dict[str, str]
    versions: dict[str, str]
    spec: dict[str, JsonValue]
    inputs: dict[str, str]


def canonical(value: Any) -> str:
    """JSON that is the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Hash of any JSON value, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _graph() -> Any:
    import grimp
    from grimp.exceptions import SourceSyntaxError

    try:
        graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    except SourceSyntaxError as error:  # of any file of the package: each may be imported by another
        file, text = Path(error.filename), f"is no Python: {(error.text or '').strip()}"
        raise InvalidStudy(file, [Fault(error.lineno or 1, "", text)]) from None
    for module in NOT_IN_KEYS:
        graph.remove_module(module)
    return graph


@functools.cache
def closure(module: str) -> frozenset[str]:
    """A module, everything of this package that it imports, directly or not, and the packages they stand in."""
    found = {module, *_graph().find_upstream_modules(module)}
    for name in list(found):
        while "." in name:
            name = name.rpartition(".")[0]
            found.add(name)
    return frozenset(found)


@functools.cache
def _tree(module: str) -> ast.Module:
    stem = ROOT.joinpath(*module.split(".")[1:])
    return ast.parse(sources.content(stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")))


@functools.cache
def normal_source(module: str) -> str:
    """A module's code without comments, docstrings, layout, and without what `FAULTS` and `WORDS` say."""
    return _normal(_tree(module))


def _normal(tree: ast.Module) -> str:
    """The code of `normal_source`; the tree is changed."""
    own = _bound(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                kept = [item for item in node.body if not _is_text(item)]
                node.body = kept or [ast.Pass()]
                if isinstance(node, ast.FunctionDef) and node.name in WORDS:
                    _empty(node)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(str())) if name in WORDS:
                node.value = ast.Constant("")
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name)) as said) if name in FAULTS and name not in own:
                said.args, said.keywords = [], []
    return ast.unparse(tree)


def _empty(function: ast.FunctionDef) -> None:
    """Let a function that returns sentences return empty ones."""
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.Constant(str()) | ast.JoinedStr()):
                node.value = ast.Constant("")


def _bound(tree: ast.Module) -> set[str]:
    """Names that a module gives a meaning of its own anywhere."""
    bound = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=asname):
                bound.add(asname or name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
    return bound


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@functools.cache
def source_digest(module: str) -> str:
    """Hash of `normal_source`."""
    return _digest_of(normal_source(module).encode())


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@functools.cache
def _imports(module: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return frozenset(found)


@functools.cache
def _templates(package: str) -> tuple[tuple[str, str], ...]:
    """Files of a package that are not modules but decide what it makes: templates, scripts and style sheets."""
    folder = ROOT.joinpath(*package.split(".")[1:])
    found = [path for pattern in ("*.j2", "assets/*.js", "assets/*.css") for path in sorted(folder.glob(pattern))]
    return tuple((f"{package}/{path.name}", _digest_of(sources.content(path))) for path in found)


@functools.cache
def code(modules: tuple[str, ...]) -> dict[str, str]:
    """Module -> hash for the modules given and all that they import, and the templates beside them."""
    names = sorted(set().union(*map(closure, modules)))
    return {name: source_digest(name) for name in names} | dict(t for name in names for t in _templates(name))


def edited(code: Mapping[str, str]) -> list[str]:
    """What of this code, as `code` gives it, is another on the disk by now, as paths; comments and layout count not."""
    return [str(path) for path in sources.edited() if (held := code.get(_name(path))) and _digest_now(path) != held]


def _name(path: Path) -> str:
    """What `code` calls a file."""
    place = path.relative_to(ROOT)
    if path.suffix != ".py":
        return f"{'.'.join((PACKAGE, *(part for part in place.parent.parts if part != 'assets')))}/{path.name}"
    return ".".join((PACKAGE, *(part for part in place.with_suffix("").parts if part != "__init__")))


def _digest_now(path: Path) -> str:
    try:
        return _digest_of(_normal(ast.parse(path.read_bytes())).encode() if path.suffix == ".py" else path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # gone, or half-written
        return ""


def version(distribution: str) -> str:
    """The installed version, without its local part: 2.13.0+cpu and 2.13.0+cu130 are the same source."""
    return importlib.metadata.version(distribution).partition("+")[0]


_version = functools.cache(version)


@functools.cache
def versions(modules: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that decide numbers and that these modules, or what they import, use."""
    used = set().union(*(_imports(name) for module in modules for name in closure(module)))
    return {distribution: _version(distribution) for name, distribution in NUMERIC.items() if name in used}


def commit() -> dict[str, Any]:
    """The git commit of this source and whether it, or a study, was changed since; None where git does not have it.

    The repository in which a folder lies is another's where it does not track the source: unpacked from an archive.
    """
    checkout = ROOT.parents[1]

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(checkout), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    tracked = git("ls-files", "--error-unmatch", "--", str(ROOT / "__init__.py")) is not None
    head = git("rev-parse", "HEAD") if tracked else None
    return {
        "commit": head,
        "dirty": bool(git("status", "--porcelain", "--", "src", "*.yaml")) if head else None,
    }


def machine() -> dict[str, Any]:
    """Where this runs: Python, platform, processor, Slurm job."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "executable": Path(sys.executable).name,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
