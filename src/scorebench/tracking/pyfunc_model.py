"""A trained cell as MLflow loads it: `predict` draws samples, in the units of the data.

    model = mlflow.pyfunc.load_model("models:/scorebench.default.mixture10@best")
    model.predict(pandas.DataFrame({"points": [1000]}), params={"seed": 1})

MLflow runs this file when it loads the model: nothing is unpickled. Beside it lie the weights (safetensors), a small
JSON file, and the source that they need.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import torch
from mlflow.pyfunc.model import PythonModel
from safetensors.torch import load_file

from scorebench import parts
from scorebench.specs.columns import Column, restored
from scorebench.streams import Streams


class Samples(PythonModel):  # type: ignore[misc,unused-ignore]
    """Draws from the network of one replicate by the sampler that the study measured it with."""

    def load_context(self, context: Any) -> None:
        """Read the weights of all replicates and what they are weights of."""
        folder = Path(context.artifacts["cell"])
        self.cell = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
        self.weights = load_file(folder / "model.safetensors")
        built = {kind: parts.build(p["kind"], p["name"], p["options"]) for kind, p in self.cell["parts"].items()}
        self.network, self.schedule, self.sampler = built["network"], built["schedule"], built["sampler"]

    def score(self, replicate: int | None = None) -> Any:
        """score(x: (..., d), sigma: (...)) of one replicate, in prepared units: standard deviation 1."""
        kept = self.cell["replicates"]
        replicate = kept[0] if replicate is None else replicate
        if replicate not in kept:
            raise ValueError(f"replicate {replicate} has no network; there are: {', '.join(map(str, kept))}")
        return self.network.score({name: weight[replicate] for name, weight in self.weights.items()})

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """As many samples as the column `points` sums up to; params: seed, and replicate (-1: the first)."""
        given = {"seed": 0, "replicate": -1} | (params or {})
        replicate = int(given["replicate"])
        score = self.score(None if replicate < 0 else replicate)
        shape = (int(model_input["points"].sum()), self.cell["dimension"])
        generator = Streams(int(given["seed"]), 1).at("model")[0]
        with torch.no_grad():
            x = self.sampler(score, self.schedule.ladder(), shape, generator)
        columns = [Column.model_validate(column) for column in self.cell["columns"]]
        return pd.DataFrame(restored(columns, x.numpy(), self.cell["shift"], self.cell["scale"]))


mlflow.models.set_model(Samples())
