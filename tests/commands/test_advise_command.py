"""`scorebench advise`: files good and bad, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import typer
from PIL import Image
from ruamel.yaml import YAML
from typer.testing import CliRunner

from scorebench.advisor import advise as advice_for
from scorebench.commands.advise import advise
from scorebench.data import standardise
from scorebench.noise import schedule
from scorebench.study.plan import Study

ROOT = Path(__file__).parents[2]

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(advise)


def run(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "100"})


@pytest.fixture
def rows() -> np.ndarray:
    """Three columns, whose scales differ by up to 4."""
    return np.random.default_rng(0).normal(size=(300, 3)) * [1, 2, 4] + [0, 10, -3]


def write(path: Path, rows: np.ndarray) -> Path:
    table = pa.table(dict(zip("abc", rows.T, strict=True)))
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".csv":
        path.write_text("a,b,c\n" + "\n".join(",".join(map(repr, map(float, row))) for row in rows))
    else:
        pyarrow.parquet.write_table(table, path)
    return path


@pytest.mark.parametrize("ending", ["npy", "csv", "parquet"])
def test_json_holds_the_advice_in_both_units(tmp_path, rows, ending):
    done = run(write(tmp_path / f"t.{ending}", rows), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {k: v for k, v in told.items() if k not in ("file", "read", "prepared")} == json.loads(
        json.dumps(advice_for(rows).summary())
    )
    assert told["read"][0].endswith(": 300 rows, 3 of 3 columns")
    scaled = standardise({"train": rows}, per_column=True)[0]["train"]
    assert told["prepared"]["sigma_max"] == advice_for(scaled).sigma_max
    assert told["prepared"]["sigma_data"] == pytest.approx(1, rel=1e-6)


def test_the_table_names_values_rules_reasons_and_warnings(tmp_path, rows):
    done = run(write(tmp_path / "t.csv", rows))
    assert done.exit_code == 0, done.output
    a = advice_for(rows)
    for value in (a.sigma_max, a.sigma_min, a.ratio, a.langevin_step, a.sigma_opt, a.P_mean):
        assert f"{value:.4g}" in done.stdout
    text = " ".join(done.stdout.split())
    assert "300 points, 3 dimensions" in text
    assert "largest distance between two points" in text
    assert "Song & Ermon 2020 (NCSNv2), technique 1" in text
    assert "warning: 3 dimensions" in text


@pytest.mark.parametrize("name", ["t.csv", "my data; 2024.parquet", "-123.npy", "é.npy"])
def test_params_are_sections_that_a_study_takes(tmp_path, rows, name, monkeypatch):
    """Put in the place of those of the default study, and read as a study is."""
    monkeypatch.chdir(tmp_path)
    write(Path(name), rows)
    done = run("--params", "--", name)
    assert done.exit_code == 0, done.output
    block = YAML(typ="safe").load(done.stdout)
    assert set(block) == {"datasets", "methods", "schedules", "samplers", "evaluation"}
    study = YAML(typ="safe").load(ROOT / "params.yaml")
    del study["grid"]
    with Path("study.yaml").open("w") as out:
        YAML(typ="safe").dump({**study, **block}, out)
    loaded = Study(Path("study.yaml"))
    a = advice_for(standardise({"train": rows}, per_column=True)[0]["train"])
    assert len(loaded.applicable) == 10
    geometric, edm = (loaded.schedules[n] for n in ("geometric", "edm"))
    assert geometric.levels == a.levels
    assert geometric.sigma_max == pytest.approx(a.sigma_max, rel=1e-3)
    assert loaded.schedules["single"].sigma == pytest.approx(a.sigma_opt, rel=1e-3)
    assert edm.mean == pytest.approx(a.P_mean, abs=1e-3)
    assert loaded.samplers["annealed_langevin"].step == pytest.approx(a.step, rel=1e-3)
    assert "warning: 3 dimensions" in done.stderr


def test_params_stand_as_text_in_a_study(tmp_path, rows, monkeypatch):
    """Pasted, not merged: the sections of the study cut out, the printed ones put there."""
    monkeypatch.chdir(tmp_path)
    write(Path("t.npy"), rows * 1e-7)
    printed = run("t.npy", "--params").stdout
    kept = ["seed: 1\nreplicates: 1", "networks: {default: {network: mlp}}"]
    kept += ["training: {steps: 10, batch: 8, learning_rate: 0.001}", "sampling: {points: 100}", "title: T"]
    Path("study.yaml").write_text("\n".join([*kept, printed]))
    study = Study(Path("study.yaml"))
    assert len(study.applicable) == 10
    assert "t/antithetic_stf/uncertainty" in map(str, study.applicable), "what docs/answers.md recommends"


def test_a_column_may_be_picked(tmp_path, rows):
    file = write(tmp_path / "t.parquet", rows)
    told = json.loads(run(file, "--json", "--column", "c", "--column", "a").stdout)
    assert told["sigma_max"] == advice_for(rows[:, [2, 0]]).sigma_max
    assert 'columns: ["c", "a"]' in run(file, "--params", "--column", "c", "--column", "a").stdout
    assert json.loads(run(file, "--json", "--dim", 1).stdout)["ratio"] == advice_for(rows, 1).ratio


def test_options_of_the_table_are_taken_and_what_was_read_is_said(tmp_path, rows):
    """A semicolon and a decimal comma, a missing value and an index, as spreadsheets write them."""
    lines = [";".join([str(i), *(f"{v!r}".replace(".", ",") for v in row)]) for i, row in enumerate(rows.tolist())]
    file = tmp_path / "t.csv"
    file.write_text("\n".join([";a;b;c", *lines, "300;-999;1;2"]))
    options = ["--option", "missing=drop", "--option", "missing_values=[-999]", "--option", "separator=;"]
    told = json.loads(run(file, "--json", *options).stdout)
    assert told["sigma_max"] == advice_for(rows).sigma_max
    assert told["read"][1:] == [
        "dropped: '' (names of rows; used if `columns` names it)",
        "dropped: 1 rows in which 'a' miss 1 values (`missing: drop`)",
    ]
    printed = run(file, "--params", *options)
    assert 'missing: "drop", missing_values: [-999.0], separator: ";"}' in printed.stdout
    assert "semicolons between columns, decimal comma" in printed.stderr
    assert "must be NAME=VALUE, such as missing=drop" in run(file, "--option", "missing").stderr
    assert "unknown name 'mising' (did you mean 'missing'?)" in run(file, "--option", "mising=drop").stderr


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_drawn(tmp_path, rows, ending):
    picture = tmp_path / f"advice.{ending}"
    done = run(write(tmp_path / "t.npy", rows), "--json", "--plot", picture)
    assert done.exit_code == 0, done.output
    assert str(picture) in done.stderr
    json.loads(done.stdout)
    if ending == "png":
        with Image.open(picture) as image:
            assert image.size == (1200, 780)
            assert len(image.convert("RGB").getcolors(100_000)) > 50
    elif ending == "svg":
        assert "sigma_max" in picture.read_text()
    else:
        assert picture.read_bytes().startswith(b"%PDF")


def bad_files(folder: Path, rows: np.ndarray) -> list[tuple[Path, str]]:
    def file(name: str, content: str | bytes) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    holes = rows.copy()
    holes[[4, 7], 1] = np.nan
    np.save(folder / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.save(folder / "nothing.npy", np.zeros((0, 3)))
    np.save(folder / "words.npy", np.array([["a"], ["b"]]))
    np.savez(folder / "t.npz", rows, rows)
    return [
        (folder / "absent.csv", "there is no file"),
        (folder, "there is no file"),
        (file("empty.csv", ""), "holds no values"),
        (file("header.csv", "a,b\n"), "holds no values"),
        (file("empty.npy", ""), "is not a npy file of numbers"),
        (file("empty.parquet", ""), "is not a parquet file that can be read"),
        (file("fake.parquet", "a,b\n1,2\n"), "is not a parquet file that can be read"),
        (file("fake.npy", "a,b\n1,2\n"), "is not a npy file of numbers"),
        (file("ragged.csv", "a,b\n1,2\n1\n"), "is not a csv file that can be read"),
        (file("binary.csv", bytes(range(256))), "binary.csv"),
        (file("t.txt", "1 2\n"), "at least 2 rows"),
        (file("t.sav", "1 2\n"), "the ending must be one of .csv"),
        (
            file("text.csv", "a,b\n1,2\n2,n/a!\n"),
            "columns ['b'] are not numbers; choose others with `columns`, or",
        ),
        (
            file("text.csv", "a,b\n1,2\n2,n/a!\n"),
            "`columns: numeric` (row 1 of 'b' holds 'n/a!')",
        ),
        (file("hole.csv", "a,b\n1,2\n2,\n3,4\n"), "1 values are missing or not finite, in rows 1 (counted from 0"),
        (file("one.csv", "a,b\n1,2\n"), "at least 2 rows"),
        (file("same.csv", "a,b\n1,2\n1,2\n"), "all 2 rows are the same"),
        (write(folder / "holes.npy", holes), "2 values are missing or not finite, in rows 4, 7 (counted from 0"),
        (write(folder / "holes.parquet", holes), "2 values are missing or not finite, in rows 4, 7 (counted from 0"),
        (folder / "objects.npy", "is not a npy file of numbers"),
        (folder / "nothing.npy", "holds no values"),
        (folder / "words.npy", "must hold rows of real numbers"),
        (folder / "t.npz", "name one by `array`: 'arr_0' of shape (300, 3)"),
    ]


def test_bad_files_are_told_what_is_wrong_with_them(tmp_path, rows):
    for path, text in bad_files(tmp_path, rows):
        done = run(path)
        assert done.exit_code == 2, (path, done.output, done.exception)
        assert text in done.stderr, path
        assert str(path) in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--json", "--params"], "choose one"),
        (["--plot", "a.gif"], "the ending must be one of .png, .svg, .pdf"),
        (["--plot", "nowhere/a.png"], "there is no folder nowhere"),
        (["--column", "z"], "has no columns ['z']; it has: ['a', 'b', 'c']"),
    ],
)
def test_bad_options_are_refused_before_any_work(tmp_path, rows, arguments, text):
    done = run(write(tmp_path / "t.parquet", rows), *arguments)
    assert done.exit_code == 2
    assert text in done.stderr


def test_advice_for_a_schedule_gives_the_density_advised(rows):
    """P_mean of the advice has its shift, the schedule's option does not: sigma_data is all that is passed on."""
    a = advice_for(rows)
    assert schedule("edm", sigma_data=a.sigma_data).mean == pytest.approx(a.P_mean, rel=1e-12)
