"""A copy of this project with a study of its own, for benchmarks that run Snakemake and DVC."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMES = (
    "src",
    "workflow",
    "profiles",
    "slurm",
    "Snakefile",
    "dvc.yaml",
    ".gitignore",
    ".dvcignore",
    "data/raw",
    "studies",
)


def copy(folder: Path, study: str) -> None:
    """Put this project's source and workflow into a folder, with a study as its params.yaml."""
    for name in NAMES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, target, follow_symlinks=False)
    (folder / "params.yaml").write_text(study)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Environment variables of a command that is run in such a copy."""
    return os.environ | {"PYTHONPATH": str(folder / "src"), "DVC_NO_ANALYTICS": "1"} | more
