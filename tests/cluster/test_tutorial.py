"""What the tutorial tells a person to do on a cluster works on a real one."""

from pathlib import Path

import pytest

from project import ROOT, checkout
from tutorials import follow

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.xdist_group("slurm")]


def test_from_laptop_to_cluster(slurm: Path, tmp_path: Path) -> None:
    project = checkout(tmp_path / "p", (ROOT / "params.yaml").read_text())
    follow(project, "cluster.md", on="on slurm")
    assert (project.folder / "reports/first/report.html").is_file()
