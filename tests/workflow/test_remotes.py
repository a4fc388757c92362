"""Results travel: to an S3 remote and back, and by `make push` and `make pull` with git."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from project import Project

pytestmark = pytest.mark.slow


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


def test_clone_with_pull_from_s3_has_nothing_to_do(agreed: Project, tmp_path: Path, bucket: str) -> None:
    """Cases i and d, from S3: one checkpoint, then the rest."""
    clone = agreed.published(tmp_path, "s3://results/scorebench", endpointurl=bucket)
    assert not (tmp_path / "remote").exists()
    name = next(name for name in agreed.contents() if "/dsm/" in name and name.endswith("model.safetensors"))
    clone.run("dvc", "pull", name)
    assert set(clone.contents()) == {name} | {file for file in clone.contents() if file.startswith("reports/")}
    assert clone.contents()[name] == agreed.contents()[name]

    clone.run("dvc", "pull")
    assert clone.contents() == agreed.contents()
    clone.agrees()
    assert clone.jobs() == agreed.jobs()
    assert clone.run("git", "status", "--porcelain") == ""


def remote_state(top: Path) -> tuple[str, list[str]]:
    """What git's remote holds, and which files DVC's does."""
    heads = sorted(f"{path.name} {path.read_text()}" for path in (top / "origin.git/refs/heads").iterdir())
    files = sorted(str(path.relative_to(top)) for path in (top / "remote").rglob("*") if path.is_file())
    return "".join(heads), files


def test_push_is_refused_unless_all_is_whole_and_pull_ends_in_verify(project: Project, tmp_path: Path) -> None:
    project.run("git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin.git"))
    project.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    project.run("git", "push", "-q", "-u", "origin", "main")
    (tmp_path / "remote").mkdir()
    project.run("dvc", "remote", "add", "-d", "storage", str(tmp_path / "remote"))
    project.run("git", "clone", "-q", str(tmp_path / "origin.git"), str(tmp_path / "other"))
    other = Project(tmp_path / "other")
    nothing = remote_state(tmp_path)
    assert nothing[1] == []

    assert "plan/default/train.json is not the plan" in project.make("push", ok=False)
    project.run("scorebench", "agree")
    said = project.make("push", ok=False)
    assert "?? dvc.lock" in said
    assert "not pushed: commit these first" in said
    project.commit("Results")

    model = next(project.folder.glob("results/default/checkpoints/ring8/dsm/*/*/model.safetensors"))
    content = model.read_bytes()
    model.unlink()
    assert f"missing: {model.relative_to(project.folder)}" in project.make("push", ok=False)
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"damaged: {model.relative_to(project.folder)}" in project.make("push", ok=False)
    assert remote_state(tmp_path) == nothing

    model.write_bytes(content)
    project.make("push")
    assert remote_state(tmp_path)[0] == f"main {project.run('git', 'rev-parse', 'HEAD')}"

    assert "scorebench verify\nparams.yaml: 10 jobs are whole and as planned\n" in other.make("pull")
    assert other.contents() == project.contents()
    other.agrees()
    assert other.jobs() == project.jobs()

    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    (tmp_path / "remote/files/md5" / digest[:2] / digest[2:]).chmod(0o644)
    (tmp_path / "remote/files/md5" / digest[:2] / digest[2:]).write_bytes(content[:-1])
    project.run("git", "clone", "-q", str(tmp_path / "origin.git"), str(tmp_path / "third"))
    said = Project(tmp_path / "third").make("pull", ok=False)
    assert f"damaged: {model.relative_to(project.folder)}: its hash is not the recorded one" in said
