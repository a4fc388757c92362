"""Results travel: to an S3 remote and back, and by `make push` and `make pull` with git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from project import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("remotes")]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server with an empty bucket named `results`.

    moto's server: an imitation of S3 in memory, which speaks its protocol and believes any credentials.
    """
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        requests.put(f"{address}/results", timeout=60).raise_for_status()
        yield address
    finally:
        server.stop()


def test_clone_with_pull_from_s3_has_nothing_to_do(project: Project, tmp_path: Path, bucket: str) -> None:
    """Cases i and d, from S3: one checkpoint, then the rest."""
    clone = project.published(tmp_path, "s3://results/scorebench", endpointurl=bucket)
    assert not (tmp_path / "remote").exists()
    name = next(name for name in project.contents() if "/dsm/" in name and name.endswith("model.safetensors"))
    clone.run("dvc", "pull", name)
    assert set(clone.contents()) == {name} | {file for file in clone.contents() if file.startswith("reports/")}
    assert clone.contents()[name] == project.contents()[name]

    clone.run("dvc", "pull")
    assert clone.contents() == project.contents()
    clone.agrees()
    assert clone.jobs() == project.jobs()
    assert clone.run("git", "status", "--porcelain") == ""
