"""A callback that keeps a search in MLflow: settings, the score of every candidate, the learned design.

    pip install mlflow-skinny
    alma learn --preset smoke --run runs/smoke --callback mlflow_tracker:track

MLflow's own variables say where it is kept (MLFLOW_TRACKING_URI); without one it is `mlflow.db` here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow

mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"))

_done = 0
_best = 0.0


def track(kind: str, data: Mapping[str, Any]) -> None:
    """Called with every event of a search (docs/how-to/long-runs.md has the table)."""
    global _done, _best
    if kind == "run":
        _done, _best = 0, 0.0
        mlflow.set_experiment(f"alma {data['config']['domain']}")
        mlflow.start_run(run_name=Path(data["folder"]).name)
        mlflow.log_params({name: str(value)[:500] for name, value in data["config"].items()})
    elif kind == "no_memory":
        mlflow.log_metric("no_memory", data["score"])
    elif kind == "evaluated":
        _done, _best = _done + 1, max(_best, data["score"])
        mlflow.log_metrics({"score": data["score"], "best": _best}, step=_done)
    elif kind == "failed":
        _done += 1
        mlflow.log_metric("failed", 1, step=_done)
    elif kind == "finished":
        learned = data["summary"]["learned"]
        if learned is not None:
            mlflow.log_metric("validation", learned["validation_score"])
            mlflow.set_tag("learned", f"{learned['id']} {learned['name']}")
        spent = data["summary"]["search"]
        mlflow.log_metrics({name: spent[name] for name in ("calls", "tokens", "usd", "episodes")})
        mlflow.log_dict(dict(data["summary"]), "summary.json")
        mlflow.end_run()
