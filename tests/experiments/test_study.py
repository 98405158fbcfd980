"""A study: several searches as one object, whose numbers are those of its runs, and which goes on."""

import json
from dataclasses import replace
from statistics import mean

import pytest

from alma.experiments.learn import learn
from alma.experiments.status import study_status
from alma.experiments.study import read_study, study
from alma.learning.config import RunConfig
from alma.records import ConfigError
from alma.report import write_report
from alma.testing.loop import in_loop

CONFIG = RunConfig(
    domain="toy",
    steps=1,
    children=2,
    collect_size=8,
    deploy_size=4,
    validation_size=4,
    finalists=1,
    repeats=1,
    held_out_size=6,
    held_out_repeats=1,
    collections=1,
    workers=1,
)


@in_loop
async def test_a_study_is_the_sum_of_its_searches_and_repeats_none(tmp_path):
    folder = tmp_path / "study"
    heard = []
    with pytest.raises(RuntimeError):
        await study(CONFIG, [4, 5, 6], folder, lambda *event: heard.append(event) or stop(heard))
    assert study_status(folder)["searches"] == "1 of 3"
    assert json.loads((folder / "summary.json").read_text())["finished"] is False

    heard.clear()
    summary = await study(CONFIG, [4, 5, 6], folder, lambda *event: heard.append(event))
    assert [payload["seed"] for kind, payload in heard if kind == "search"] == [5, 6]
    assert summary == json.loads((folder / "summary.json").read_text())
    assert study_status(folder)["state"] == "finished"
    runs = [json.loads((folder / f"seed-{seed}/summary.json").read_text()) for seed in (4, 5, 6)]
    assert [row["learned"] for row in summary["searches"]] == [run["learned"] for run in runs]
    table = summary["tables"][0]
    for place, row in enumerate(table["designs"]):
        scores = [run["tables"][0]["designs"][place]["success"] for run in runs]
        assert list(row["scores"].values()) == scores
        assert row["mean"] == pytest.approx(mean(scores))
        assert 0 <= row["ci95"][0] <= row["mean"] <= row["ci95"][1] <= 1
    for place, row in enumerate(table["comparisons"]):
        leads = [run["tables"][0]["comparisons"][place]["difference"] for run in runs]
        assert row["mean"] == pytest.approx(mean(leads))
        assert (row["n"], row["least"], row["most"]) == (3, min(leads), max(leads))
        assert row["p"] >= 0.25
    page = write_report(folder).read_text()
    assert 'href="seed-5/report.html"' in page
    assert "across searches" in page
    assert page.count("<circle") == len(table["comparisons"]) * 2 * 4

    heard.clear()
    more = await study(CONFIG, [4, 5, 6, 7], folder, lambda *event: heard.append(event))
    assert [payload["seed"] for kind, payload in heard if kind == "search"] == [7]
    assert more["seeds"] == [4, 5, 6, 7]


def stop(heard):
    if [kind for kind, _ in heard].count("search") == 2:
        raise RuntimeError


@in_loop
async def test_one_search_has_no_interval(tmp_path):
    summary = await study(replace(CONFIG, held_out_size=4), [0], tmp_path / "study")
    assert {row["ci95"] for row in summary["tables"][0]["designs"]} == {None}
    assert "<svg" in write_report(tmp_path / "study").read_text()


@in_loop
async def test_another_study_or_a_run_in_the_folder_is_refused(tmp_path):
    small = replace(CONFIG, held_out_size=0)
    await study(small, [0], tmp_path / "study")
    assert read_study(tmp_path / "study")[1] == [0]
    with pytest.raises(ConfigError, match=r"another configuration \(steps was 1, now 2\)"):
        await study(replace(small, steps=2), [0], tmp_path / "study")
    await learn(small, tmp_path / "run")
    with pytest.raises(ConfigError, match="holds a run, not a study"):
        await study(small, [0], tmp_path / "run")
    with pytest.raises(ConfigError, match="each once"):
        await study(small, [1, 1], tmp_path / "other")
    with pytest.raises(ConfigError, match="holds no study"):
        read_study(tmp_path / "run")
    (tmp_path / "study/study.json").write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        read_study(tmp_path / "study")
