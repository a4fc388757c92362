"""Parts: found by the name of their file, their options checked all together."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from scorebench import objectives, parts
from scorebench.data import Source
from scorebench.learning import Learner
from scorebench.networks import Network
from scorebench.noise import Schedule
from scorebench.objectives import Objective
from scorebench.parts import BadOptions, BrokenPart, IncompletePart, UnknownPart, build, find, names
from scorebench.parts.wording import nearest
from scorebench.samplers import Sampler

KINDS = pytest.mark.parametrize("kind", parts.PACKAGES)


@KINDS
def test_every_file_is_a_part_and_says_what_it_is(kind):
    assert names(kind)
    for name in names(kind):
        cls = find(kind, name)
        assert cls.__doc__
        assert cls.__module__ == f"scorebench.{parts.PACKAGES[kind]}.{name}"


@KINDS
def test_unknown_name_lists_what_there_is(kind):
    with pytest.raises(UnknownPart) as error:
        find(kind, "zzzzzz")
    assert f"no {kind} is called 'zzzzzz'; there are: {', '.join(names(kind))}" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "given", "meant"),
    [
        ("objective", "dms", "dsm"),
        ("objective", "antithetic-dsm", "antithetic_dsm"),
        ("schedule", "geometrical", "geometric"),
        ("network", "mpl", "mlp"),
        ("sampler", "probability-flow", "probability_flow"),
        ("source", "rings", "ring"),
    ],
)
def test_unknown_name_gives_the_nearest(kind, given, meant):
    with pytest.raises(UnknownPart, match=rf"'{given}' \(did you mean '{meant}'\?\)"):
        build(kind, given)


@pytest.mark.parametrize("name", ["_terms", "__init__", "../streams", "objectives.dsm", ""])
def test_only_public_files_of_the_package_are_parts(name):
    with pytest.raises(UnknownPart):
        find("objective", name)


def test_nothing_near_gives_no_guess():
    assert nearest("qqq", ["dsm", "ism"]) == ""


def test_bad_options_come_all_together():
    with pytest.raises(BadOptions) as error:
        build("schedule", "geometric", {"sigma_max": -1, "sigma_mn": 0.1, "levels": "many", "weighting": "two"})
    faults = dict(error.value.faults)
    assert set(faults) == {("sigma_max",), ("sigma_mn",), ("levels",), ("weighting",)}
    assert faults[("sigma_mn",)] == (
        "unknown name 'sigma_mn' (did you mean 'sigma_min'?); "
        "allowed: weighting, sigma_max, sigma_min, dimension, overlap, levels"
    )
    assert faults[("sigma_max",)].endswith("greater than 0; given: -1")
    assert faults[("levels",)].endswith("given: 'many'")
    assert all(text in str(error.value) for text in faults.values())


def test_a_missing_option_and_a_list_for_a_number():
    with pytest.raises(BadOptions, match="path: is required"):
        build("source", "table")
    with pytest.raises(BadOptions, match=r"width: .*; given: a list"):
        build("network", "mlp", {"width": [64, 64]})


def test_options_are_kept_and_frozen():
    part = build("objective", "ssm_vr", {"probes": 4, "probe": "gaussian"})
    assert part.model_dump() == {"probes": 4, "probe": "gaussian"}
    with pytest.raises(ValueError, match="frozen"):
        part.probes = 5


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second folder of scorebench.objectives, where a test may add a file."""
    folder = tmp_path / "objectives"
    folder.mkdir()
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(folder)])
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield folder
    for added in set(sys.modules) - before:
        del sys.modules[added]


HEAD = '"""A method."""\n\nfrom scorebench.objectives import Objective\nfrom scorebench.objectives.dsm import *\n\n'


def test_adding_a_part_is_adding_a_file(package):
    """Imported and underscored classes are not counted."""
    loss = "    def __call__(self, score, batch, generator=None):\n        return batch.sigma\n"
    source = HEAD + f"class _Base(Objective):\n{loss}\n\nclass New(_Base):\n    strength: float = 2.0\n"
    (package / "brand_new.py").write_text(source)
    assert names("objective") == ["brand_new"]
    assert build("objective", "brand_new", {"strength": 3}).strength == 3


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("class One(Objective):\n    pass\n\nclass Two(Objective):\n    pass\n", 2),
        ("class _Hidden(Objective):\n    pass\n", 0),
        ("class Plain:\n    pass\n", 0),
    ],
    ids=["two", "hidden", "not a part"],
)
def test_a_file_that_does_not_define_one_part_is_refused(package, source, count):
    name = f"faulty{len(source)}"
    (package / f"{name}.py").write_text(HEAD + source)
    with pytest.raises(UnknownPart, match=rf"{name}\.py must define one public class .* it defines {count}"):
        find("objective", name)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def loss(:\n", "SyntaxError in line 6: invalid syntax: def loss(:"),
        ("import no_such_package\n", "line 6: ModuleNotFoundError: No module named 'no_such_package'"),
        ("from scorebench.objectives import Nothing\n", "line 6: ImportError: cannot import name 'Nothing' from"),
        ("class Mine(Objectve):\n    pass\n", "line 6: NameError: name 'Objectve' is not defined"),
        ("  class Mine(Objective):\n", "IndentationError in line 6: unexpected indent: class Mine(Objective):"),
    ],
)
def test_a_file_that_does_not_run_is_told_with_its_line(package, source, sentence):
    name = f"broken{len(source)}"
    (package / f"{name}.py").write_text(HEAD + source)
    with pytest.raises(BrokenPart) as error:
        find("objective", name)
    assert f"{name}.py does not run: {sentence}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_part_that_can_not_be_built_is_told_too(package):
    """A type that is imported for type checkers alone is not there when pydantic looks for it."""
    loss = (
        "    width: Unheard = 1\n\n    def __call__(self, score, batch, generator=None):\n        return batch.sigma\n"
    )
    (package / "unbuilt.py").write_text(
        f"from __future__ import annotations\n{HEAD[17:]}class Mine(Objective):\n{loss}"
    )
    with pytest.raises(BrokenPart, match=r"unbuilt\.py does not run: PydanticUserError: .*not fully defined"):
        build("objective", "unbuilt")


@pytest.mark.parametrize(
    ("base", "kind", "missing"),
    [
        (Objective, "objective", ["__call__"]),
        (Schedule, "schedule", ["ladder", "sample"]),
        (Network, "network", ["field", "initialise"]),
        (Sampler, "sampler", ["draw"]),
        (Source, "source", ["dimension", "load"]),
        (Learner, "objective", ["begin", "learn"]),
    ],
)
def test_a_part_that_leaves_out_what_its_kind_defines_is_refused_when_it_is_built(base, kind, missing, monkeypatch):
    """By name as a sentence that a study shows at its line; made by hand, Python says which methods are missing."""
    unfinished = type("Unfinished", (base,), {"__module__": "scorebench.somewhere"})
    monkeypatch.setattr(parts, "find", lambda kind, name: unfinished)
    with pytest.raises(IncompletePart) as error:
        build(kind, "unfinished")
    assert error.value.missing == missing
    said = " and ".join(f"`{name}`" for name in missing)
    assert f"Unfinished in scorebench.somewhere is no whole {kind}: it must define {said}," in str(error.value)
    with pytest.raises(TypeError, match=f"abstract class Unfinished .*{missing[0]}"):
        unfinished()
    whole = type("Whole", (unfinished,), {"__module__": __name__, **dict.fromkeys(missing, lambda self: None)})
    assert isinstance(whole(), base)


def test_importing_parts_does_not_import_torch():
    """A study is planned without it: importing torch takes seconds."""
    code = (
        "import sys\nfrom scorebench import parts\n"
        "for kind in parts.PACKAGES:\n    for name in parts.names(kind):\n        parts.find(kind, name)\n"
        "print([m for m in ('torch', 'numpy', 'scipy', 'sklearn', 'pyarrow', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
