"""What a cluster wants to be told, and what it says of itself."""

from pathlib import Path

import pytest

from scorebench.cluster import site, slurm


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in site.Site.model_fields:
        monkeypatch.delenv(f"{site.PREFIX}{name.upper()}", raising=False)


def test_the_environment_wins_over_the_file_and_both_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "site.yaml"
    assert site.load(file) == site.Site()
    file.write_text("partition: short\naccount: lab\njobs: 7\n")
    monkeypatch.setenv("SCOREBENCH_SLURM_PARTITION", "long")
    monkeypatch.setenv("SCOREBENCH_SLURM_RETRIES", "1")
    found = site.load(file)
    assert (found.partition, found.account, found.jobs, found.retries) == ("long", "lab", 7, 1)


def test_every_fault_is_shown_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("partition: short; rm -rf /\njobs: many\npartitoin: x\n")
    monkeypatch.setenv("SCOREBENCH_SLURM_QOS", "$(id)")
    monkeypatch.setenv("SCOREBENCH_SLURM_POL_SECONDS", "3")
    with pytest.raises(site.BadSite) as caught:
        site.load(file)
    said = str(caught.value)
    assert f"{file}:1: partition: string should match" in said
    assert f"{file}:2: jobs: " in said
    assert f"{file}:3: partitoin: unknown name 'partitoin' (did you mean 'partition'?)" in said
    assert "SCOREBENCH_SLURM_QOS: qos: " in said
    assert "SCOREBENCH_SLURM_POL_SECONDS: pol_seconds: unknown name" in said


@pytest.mark.parametrize("text", ["[1, 2]", "a: b: c", "account: {a: 1}", "gres: gpu:1", "partition: 17"])
def test_other_than_names_and_values_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(site.BadSite, match=r"site\.yaml"):
        site.load(tmp_path / "site.yaml")


def test_the_example_names_every_setting_and_is_valid(tmp_path: Path) -> None:
    lines = (Path(__file__).parents[2] / "site.example.yaml").read_text().splitlines()
    settings = [line.removeprefix("# ") for line in lines if line.startswith("# ") and "  # " in line]
    assert [line.split(":")[0] for line in settings] == list(site.Site.model_fields)
    (tmp_path / "site.yaml").write_text("\n".join(settings))
    found = site.load(tmp_path / "site.yaml")
    assert found.account == "my-lab"
    for name, default in site.Site().model_dump().items():
        assert default in (getattr(found, name), None), f"{name}: the example shows the default"


def test_a_gpu_type_and_partition_are_for_jobs_with_a_gpu_only() -> None:
    """Slurm takes a type alone as asking for one."""
    there = site.Site(partition="cpu", gpu_partition="gpu", gpu_type="a100")
    assert (there.partition_of(0), there.type_of(0)) == ("cpu", None)
    assert (there.partition_of(2), there.type_of(2)) == ("gpu", "a100")
    assert site.Site(partition="cpu").partition_of(1) == "cpu"


@pytest.mark.parametrize(
    ("gres", "found"),
    [
        ("(null)", {}),
        ("gpu:4", {"": 4}),
        ("gpu", {"": 1}),
        ("gpu:a100:4(S:0-1),gpu:v100:2(S:0),shard:8", {"a100": 4, "v100": 2}),
        ("craynetwork:4,gpu:1", {"": 1}),
    ],
)
def test_gpus_are_read_from_what_sinfo_prints(gres: str, found: dict[str, int]) -> None:
    assert slurm.gpus_in(gres) == found


@pytest.mark.parametrize(
    ("limit", "minutes"), [("infinite", None), ("1-00:00:00", 1440), ("2:30:00", 150), ("30:00", 30), ("n/a", None)]
)
def test_time_limits_are_read_from_what_sinfo_prints(limit: str, minutes: int | None) -> None:
    assert slurm.minutes(limit) == minutes
