"""The best checkpoint of every data set in MLflow's model registry: it loads back and samples."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scorebench import storage
from scorebench.specs import PartSpec
from scorebench.specs.card import TrainCard
from scorebench.specs.columns import Column
from scorebench.stages._dataset import describe
from scorebench.study import keys, results, specs
from scorebench.study.cells import Cell
from scorebench.study.plan import Study
from scorebench.study.stages import EVALUATE, PREPARE, SAMPLE, TRAIN
from scorebench.tracking.record import CELL, jobs_behind
from scorebench.tracking.views import contends, datasets, main_metric

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SCRIPT = Path(__file__).with_name("pyfunc_model.py")
REQUIRED = ("mlflow", "torch", "torchdiffeq", "safetensors", "pydantic", "numpy", "pandas", "scipy")
BEST = "best"
"""The alias that the best version has."""


def model_name(study: Study, dataset: str) -> str:
    """What the best checkpoint of a data set is registered as."""
    return f"scorebench.{study.name}.{dataset}"


def register_best(client: MlflowClient, experiment: str, study: Study, found: dict[tuple[str, str], Run]) -> int:
    """Register the best cell of every data set whose cells are all there, unless it is; how many were."""
    registered = 0
    for dataset in datasets(study):
        ranked = _ranked(study, dataset, found)
        if not ranked:
            continue
        _, cell, run = ranked[0]
        name, key = model_name(study, dataset), run.data.tags["train_key"]
        version = _version(client, name, key)
        if version is None:
            version = _register(client, experiment, study, cell, run, name, _said(study, dataset, ranked))
            registered += 1
        if version not in _aliased(client, name):
            client.set_registered_model_alias(name, BEST, version)
    return registered


def _ranked(study: Study, dataset: str, found: dict[tuple[str, str], Run]) -> list[tuple[float, Cell, Run]]:
    """Cells that may be best, best first: trained in every replicate, able to sample; none while any is missing."""
    main, ranked = main_metric(study, dataset), []
    for cell in study.applicable:
        if cell.dataset != dataset:
            continue
        run = found.get((study.key(jobs_behind(cell)[EVALUATE]), CELL))
        if run is None:
            return []
        metrics = run.data.metrics
        if contends(study, cell) and run.data.tags["status"] == "trained" and main in metrics and _sampler(study, cell):
            ranked.append((metrics[main], cell, run))
    return sorted(ranked, key=lambda each: each[0])


def _sampler(study: Study, cell: Cell) -> str | None:
    """The sampler that the registered model draws with: the probability flow, or the cell's first."""
    names = study.samplers_of(study.job(SAMPLE.name, str(cell)))
    flow = [name for name in names if study.params.samplers[name].sampler == "probability_flow"]
    return next(iter(flow or names), None)


def _said(study: Study, dataset: str, ranked: list[tuple[float, Cell, Run]]) -> str:
    """The description of a version."""
    main = main_metric(study, dataset)
    value, cell, run = ranked[0]
    error = run.data.metrics.get(f"{main}_se")
    text = f"`{cell}`: {main} = {value:.4g}" + (f" ± {error:.2g} (standard error)" if error is not None else "")
    if len(ranked) > 1:
        text += f". Next: `{ranked[1][1]}`, {ranked[1][0]:.4g}; whether the two differ is in the report"
    return f"{text}. `predict` draws as many samples as the column `points` says."


def _version(client: MlflowClient, name: str, key: str) -> str | None:
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get("train_key") == key:
            return str(version.version)
    return None


def _aliased(client: MlflowClient, name: str) -> list[str]:
    return [str(version) for alias, version in client.get_registered_model(name).aliases.items() if alias == BEST]


def _register(client: MlflowClient, experiment: str, study: Study, cell: Cell, run: Run, name: str, said: str) -> str:
    """Log the model with its run, and make it a version; the number of that."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.exceptions import MlflowException

    tags = {"train_key": run.data.tags["train_key"], "cell": str(cell), "study": study.name}
    logged = client.create_logged_model(experiment, name=cell.method, source_run_id=run.info.run_id, tags=tags)
    with _saved(study, cell) as folder:
        client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    with contextlib.suppress(MlflowException):  # it is there
        client.create_registered_model(name, description=f"The best checkpoint on {cell.dataset}: the alias `{BEST}`.")
    version = client.create_model_version(
        name, f"models:/{logged.model_id}", run.info.run_id, tags=tags, description=said, model_id=logged.model_id
    )
    return str(version.version)


@contextlib.contextmanager
def _saved(study: Study, cell: Cell) -> Iterator[Path]:
    """A folder that holds the cell as an MLflow model: code, weights and a small JSON file."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    jobs = jobs_behind(cell)
    folders = {stage: study.directory(jobs[stage]) for stage in (PREPARE, TRAIN, SAMPLE)}
    spec, described = specs.sample(study, jobs[SAMPLE]), describe(folders[PREPARE])
    trained = results.card(study, jobs[TRAIN], TrainCard).facts.trained
    sampler = _sampler(study, cell)
    assert sampler is not None, "a cell without a sampler has no model"
    used = {"network": spec.network, "schedule": spec.schedule, "sampler": spec.samplers[sampler]}
    columns = described.columns or tuple(Column(name=f"x{i}", place=i) for i in range(described.dimension))
    facts = {
        "at": str(cell),
        "parts": {kind: part.model_dump(mode="json") for kind, part in used.items()},
        "dimension": described.dimension,
        "columns": [column.model_dump(mode="json") for column in columns],
        "shift": described.shift,
        "scale": described.scale,
        "replicates": trained,
    }
    signature = ModelSignature(
        inputs=Schema([ColSpec("long", "points")]),
        outputs=Schema([ColSpec("double", column.name) for column in columns]),
        params=ParamSchema([ParamSpec("seed", "long", 0), ParamSpec("replicate", "long", -1)]),
    )
    with tempfile.TemporaryDirectory() as top, _quiet():
        inside = Path(top, "cell")
        inside.mkdir()
        shutil.copy(folders[TRAIN] / "model.safetensors", inside)
        storage.write_json(inside / "cell.json", facts)
        package = f"{keys.PACKAGE}_{study.key(jobs[TRAIN])}"
        _copy_source(used.values(), Path(top, package))
        script = Path(top, SCRIPT.name)
        script.write_text(_renamed(SCRIPT, package), encoding="utf-8")
        with _importable(Path(top), package):  # MLflow runs the script as it saves it
            mlflow.pyfunc.save_model(
                str(Path(top, "model")),
                python_model=str(script),
                artifacts={"cell": str(inside)},
                code_paths=[str(Path(top, package))],
                pip_requirements=[f"{name}=={importlib.metadata.version(name)}" for name in REQUIRED],
                signature=signature,
            )
        yield Path(top, "model")


def _copy_source(used: Iterable[PartSpec], to: Path) -> None:
    """The modules that a model needs, and no others: it then samples where scorebench is not installed.

    They become a package of the name of this folder. MLflow puts the folder that it stands in before all others that
    Python imports from: under our own name it would hide an installed scorebench, and another model's modules.
    """
    for module in _imported({*(part.module for part in used), "scorebench.specs.columns", "scorebench.streams"}):
        stem = keys.ROOT.joinpath(*module.split(".")[1:])
        file = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        copy = to / file.relative_to(keys.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_renamed(file, to.name), encoding="utf-8")


@contextlib.contextmanager
def _importable(folder: Path, package: str) -> Iterator[None]:
    """While it lasts, Python finds this package in this folder."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]


def _renamed(file: Path, package: str) -> str:
    """A file of ours as it stands in a package of another name."""
    return re.sub(rf"\b{keys.PACKAGE}\b", package, file.read_text(encoding="utf-8"))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow's hints about its own type hints and examples are for people who write models by hand."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel("ERROR")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _imported(modules: set[str]) -> set[str]:
    """What Python runs when it imports these: with every package in which one stands, and what that imports."""
    known: set[str] = set()
    while modules - known:
        known |= modules
        modules = set().union(*map(keys.closure, known))
    return known | {each for each in keys.NOT_IN_KEYS if each.rpartition(".")[0] in known}
