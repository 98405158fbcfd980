"""The example of a tracker: a search is told to MLflow by `--callback`, and read back by its client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/mlflow"


@pytest.mark.system
def test_a_search_is_kept_in_mlflow(tmp_path):
    client_module = pytest.importorskip("mlflow.tracking")
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    command = [Path(sys.executable).with_name("alma"), "learn", "--preset", "smoke", "--run", "runs/smoke"]
    done = subprocess.run(
        [*command, "--callback", "mlflow_tracker:track"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE), "MLFLOW_TRACKING_URI": address},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "runs/smoke/summary.json").read_text())
    client = client_module.MlflowClient(address)
    experiment = client.get_experiment_by_name("alma alfworld:households")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "0"
    assert run.data.metrics["validation"] == pytest.approx(summary["learned"]["validation_score"])
    assert run.data.metrics["episodes"] == summary["search"]["episodes"]
    scores = client.get_metric_history(run.info.run_id, "score")
    assert len(scores) == summary["search"]["candidates"] - summary["search"]["failed"]
    assert run.data.tags["learned"].startswith(summary["learned"]["id"])
