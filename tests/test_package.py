"""The package as a whole: what `import scorebench` gives, what it costs, and which version it says it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import scorebench as sb

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "scipy", "sklearn", "pydantic", "pyarrow", "pandas", "mlflow", "matplotlib")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_imports_none_of_its_rooms_and_nothing_heavy():
    code = (
        f"import sys, scorebench\nprint([m for m in {HEAVY} if m in sys.modules],"
        " sorted(m for m in sys.modules if m.startswith('scorebench.')))"
    )
    assert python(code) == "[] []"


def test_a_public_room_is_there_when_it_is_asked_for():
    code = (
        "import sys, scorebench as sb\n"
        "print(type(sb.objectives.objective('dsm')).__name__, 'torch' in sys.modules)\n"
        "for name in sb.__all__:\n    getattr(sb, name)\n"
        "print(sb.targets.GaussianMixture.__name__, sb.metrics.fisher.__name__, sb.noise.schedule('edm').P_mean)"
    )
    assert python(code) == "DenoisingScoreMatching False\nGaussianMixture scorebench.metrics.fisher -1.2"


@pytest.mark.parametrize("package", [sb, sb.metrics])
def test_what_a_package_gives_is_listed_and_the_rest_is_refused_by_name(package):
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match=f"'{package.__name__}' has no attribute 'objektives'; it has .*, "):
        package.objektives  # noqa: B018


def test_every_module_of_the_metrics_is_listed():
    files = (ROOT / "src" / "scorebench" / "metrics").glob("[!_]*.py")
    assert sorted(file.stem for file in files) == sorted(sb.metrics.__all__)


def test_the_version_is_that_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert sb.__version__ == version
    done = subprocess.run([sys.executable, "-m", "scorebench", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"scorebench {version}\n"


def test_the_version_outside_of_a_checkout_is_that_of_the_distribution(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sb, "__file__", str(tmp_path / "lib" / "scorebench" / "__init__.py"))
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"the installed {name}")
    assert sb.__version__ == "the installed scorebench"
