"""Keys hold what decides numbers and no wording, on the default study; and what makes it right to leave wording out."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from test_study import ROOT, moved, plan_of, source  # noqa: F401
from test_study import keys as keys_of

from scorebench import parts
from scorebench.study import keys
from scorebench.study.plan import Job

PACKAGE = ROOT / "src" / "scorebench"
STUDY = ROOT / "params.yaml"


@cache
def planned() -> dict[str, str]:
    return plan_of(ROOT / "src", STUDY)


@cache
def numeric_modules() -> list[str]:
    """What any stage but the report, with any part, has in its key."""
    stages = [f"scorebench.stages.{path.stem}" for path in (PACKAGE / "stages").glob("[a-z]*.py")]
    kinds = [parts.module(kind, name) for kind in parts.PACKAGES for name in parts.names(kind)]
    named = keys.code(tuple(name for name in (*stages, *kinds) if name != "scorebench.stages.report"))
    return [name for name in named if not name.startswith(("scorebench.report", "scorebench.evidence"))]


def file_of(module: str, package: Path = PACKAGE) -> Path:
    stem = package.joinpath(*module.split(".")[1:])
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def edit(package: Path, file: str, old: str, new: str) -> None:
    path = package / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("parts/wording.py", "did you mean", "was it"),
        ("progress/scratch.py", '".live.jsonl"', '".curve.jsonl"'),
        ("progress/checkpoints.py", "training begins anew", "training starts from its beginning"),
        ("noise/_range.py", "must be below sigma_max", "is not below sigma_max"),
        ("parts/wording.py", "no weight is called", "there is no weight"),
        ("samplers/_bar.py", "BarColumn(),", "BarColumn(40),"),
        ("samplers/__init__.py", "it needs a range of noise levels", "it takes a range of noise levels"),
        ("storage/whole_files.py", ".tmp", ".part"),
        ("training/tuning.py", '"""Mirrored pairs', '"""Pairs'),
    ],
    ids=lambda value: value.split(".")[0] if isinstance(value, str) and value.endswith(".py") else "",
)
def test_an_edit_of_wording_redoes_nothing(source: Path, file: str, old: str, new: str) -> None:  # noqa: F811
    before = planned()
    edit(source / "scorebench", file, old, new)
    assert len(before) > 80
    assert plan_of(source, STUDY) == before


def redone(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Stages of which every job moved; fails if any moved in part."""
    moved = {job.split(":")[0] for job in before if before[job] != after[job]}
    assert moved == moved - {job.split(":")[0] for job in before if before[job] == after[job]}
    return moved


@pytest.mark.parametrize(
    ("file", "old", "expected"),
    [
        ("training/tuning.py", "no trial of any learning rate", {"train", "sample", "evaluate", "report"}),
        ("learning.py", "there is nothing to learn over", {"train", "sample", "evaluate", "report"}),
        ("ode.py", "no solution between", {"evaluate", "report"}),
        ("training/loop.py", "was not finite", {"train", "sample", "evaluate", "report"}),
    ],
)
def test_an_edit_of_what_a_result_says_redoes_that_result(
    source: Path,  # noqa: F811
    file: str,
    old: str,
    expected: set[str],
) -> None:
    before = planned()
    edit(source / "scorebench", file, old, old.upper())
    assert redone(before, plan_of(source, STUDY)) == expected


def test_what_was_expected_of_a_hypothesis_redoes_the_report_of_its_study_alone(tmp_path: Path) -> None:
    text = (ROOT / "studies" / "hybrid.yaml").read_text()
    before, after = keys_of(text, tmp_path), keys_of(text.replace('expected: "true"', 'expected: "yes"', 1), tmp_path)
    assert moved(before, after) == {Job("report")}


class Reworded(ast.NodeTransformer):
    """Every text in every `raise` of a fault is another one."""

    def __init__(self) -> None:
        self.count, self.inside = 0, False

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        match node.exc:
            case ast.Call(func=ast.Name(id=name)) if name in keys.FAULTS:
                self.inside = True
        self.generic_visit(node)
        self.inside = False
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if self.inside and isinstance(node.value, str):
            self.count += 1
            return ast.Constant(f"{node.value}, in other words")
        return node


def test_no_text_of_a_fault_is_in_a_key(source: Path) -> None:  # noqa: F811
    before, changed = planned(), 0
    for module in numeric_modules():
        path = file_of(module, source / "scorebench")
        tree = ast.parse(path.read_text())
        reworded = Reworded()
        path.write_text(ast.unparse(reworded.visit(tree)))
        changed += reworded.count
    assert changed > 60, "there are such texts"
    assert plan_of(source, STUDY) == before


def trees() -> Iterator[tuple[str, ast.Module]]:
    for module in numeric_modules():
        yield module, ast.parse(file_of(module).read_text())


def within(tree: ast.AST, holds: Callable[[ast.AST], bool]) -> set[ast.AST]:
    """All nodes inside nodes of which this holds."""
    return {inner for node in ast.walk(tree) if holds(node) for inner in ast.walk(node)}


def is_error(node: ast.AST) -> bool:
    """A class of errors of this package."""
    match node:
        case ast.ClassDef(bases=[ast.Name(id="ValueError" | "UnknownPart")]):
            return True
    return False


def is_fault(node: ast.AST) -> bool:
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
            return name in keys.FAULTS
    return False


def test_no_number_depends_on_what_a_fault_says() -> None:
    """What is caught is not read, but to raise a fault again; or it is a result, or another package's."""
    right = {
        ("scorebench.training.loop", "RESULTS"),
        ("scorebench.stages.train", "Unsuitable"),
        ("scorebench.ode", "AssertionError"),  # torchdiffeq's; AssertionError is no fault for keys
        ("scorebench.objectives._terms", "RuntimeError"),  # torch's, where a score does not depend on x
        ("scorebench.parts", "ValidationError"),  # to BadOptions, which no stage catches
        ("scorebench.parts", "(Exception, SystemExit)"),  # to BrokenPart, likewise
    }
    seen = set()
    for module, tree in trees():
        faults = within(tree, is_fault)
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                read = {n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == node.name} - faults
                if read:
                    seen.add((module, ast.unparse(node.type)))
    assert seen == right


def test_stages_read_no_words_and_say_none() -> None:
    """What keys leave out is read by no stage, and nothing is printed, logged or warned of where numbers are made."""
    for module, tree in trees():
        allowed = within(tree, lambda node: isinstance(node, ast.FunctionDef) and node.name in keys.WORDS)
        for node in set(ast.walk(tree)) - allowed:
            assert not (isinstance(node, ast.Attribute) and node.attr in keys.WORDS), f"{module} reads {node.attr}"
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func).split(".")[0] not in ("print", "warnings", "logging"), module


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=found):
                names |= {each.name for each in found}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return names


def test_modules_that_no_key_holds_compute_nothing() -> None:
    """They import the standard library, rich and how samplers report; sentences are made for errors only."""
    for module in keys.NOT_IN_KEYS:
        for name in imported(ast.parse(file_of(module).read_text())):
            plain = name.split(".")[0] in {*sys.stdlib_module_names, "rich"} - {"random", "math", "statistics"}
            assert plain or name == "scorebench.samplers._steps", f"{module} imports {name}"
    for module, tree in trees():
        used = {n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "wording"}
        raised = within(tree, is_fault)
        errors = within(tree, is_error)
        assert used <= raised | errors, f"{module} makes sentences that are not those of faults"


def test_a_name_of_a_fault_that_means_another_keeps_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'def f():\n    """Said."""\n    raise ValueError("what is wrong")\n'
    own = "from scorebench.parts import Unsuitable as ValueError\n"
    monkeypatch.setattr(keys, "ROOT", tmp_path)
    for name, content in {"plain": text, "other": own + text, "result": text.replace("Value", "Arithmetic")}.items():
        (tmp_path / f"{name}.py").write_text(content)
    held = {name: keys.normal_source(f"scorebench.{name}") for name in ("plain", "other", "result")}
    assert {name for name, content in held.items() if "what is wrong" in content} == {"other", "result"}
