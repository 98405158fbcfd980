"""The report opens from disk, fetches nothing, and shows foreign text as text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from alma.archive import NO_MEMORY, open_archive
from alma.records import (
    ConfigError,
    Design,
    EpisodeRecord,
    Evaluation,
    Observation,
    Outcome,
    Phase,
    Proposal,
    Protocol,
    Step,
    Trajectory,
)
from alma.report import write_report
from alma.report.facts import gather, read_summary

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Tags(HTMLParser):
    """Counts tags, and fails on one that closes what isn't open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)


def episode(level: str, won: bool) -> EpisodeRecord:
    step = Step(f"go {EVIL}", f"You see {EVIL}.", ("go",), float(won), won)
    first = Observation(f"A room with {EVIL}.", f"find {EVIL}", ("go",))
    trajectory = Trajectory(level, first, (step,), Outcome(float(won), won))
    return EpisodeRecord(level, level[0], 0, float(won), won, 1, recall=f"try {EVIL}", trajectory=trajectory)


def evaluation(design: str, stage: str, wins: int) -> Evaluation:
    protocol = Protocol("toy", Phase("train", 2), Phase("in_distribution", 8), 1, 5, 0)
    episodes = [episode(f"{'abcd'[n % 4]}{n}", n < wins) for n in range(8)]
    return Evaluation(f"{design}-{stage}", design, stage, protocol, episodes)


@pytest.fixture
def run(tmp_path):
    """A finished run with two designs whose names, plans and code are hostile."""
    source = f'"""{EVIL}"""\nfrom alma.memory import Memory\nclass M(Memory):\n    x = {{}}\n'
    parent, child = (Design.from_source(source.format(n), EVIL) for n in (1, 2))
    with open_archive(tmp_path / "archive.db", "search") as archive:
        archive.start_run("search", {}, 0)
        archive.add_design(Proposal(parent.source, EVIL, name=EVIL), parent, 0, 0)
        archive.add_design(Proposal(child.source, EVIL, name=EVIL, parents=(parent.id,)), child, 1, 0)
        for design, wins in ((NO_MEMORY, 1), (parent.id, 3), (child.id, 6)):
            archive.add_evaluation(evaluation(design, "search", wins))
    with open_archive(tmp_path / "archive.db", "held_out") as archive:
        archive.start_run("held_out", {}, 0)
        archive.add_design(Proposal(child.source, name=EVIL), child, 0, 0)
        for design, wins in ((NO_MEMORY, 1), (child.id, 6)):
            archive.add_evaluation(evaluation(design, "held_out", wins))
    row = {"name": "learned", "success": 0.75, "ci95": [0.5, 0.9], "episodes": 8, "missing": 0}
    other = {**row, "name": EVIL, "success": 0.1}
    compared = {"a": "learned", "b": EVIL, "difference": 0.65, "ci95": [0.4, 0.8], "p": 0.01}
    compared |= {"p_holm": 0.01, "p_interval": 0.02}
    protocol = replace(evaluation("x", "search", 1).protocol, collection=0).as_json()
    table = {"split": "in_distribution", "protocol": protocol, "primary": "success"}
    summary = {
        "run": EVIL,
        "seed": 0,
        "domain": EVIL,
        "generated": True,
        "agent": "reader",
        "agent_version": "1",
        "simulated_executor": True,
        "sandbox": "unsafe",
        "search": {"candidates": 2, "failed": 0, "episodes": 24, "seconds": 1.0, "usd": 0.0, "tokens": 0}
        | {"ended": EVIL},
        "learned": {"id": child.id, "search_score": 0.75, "validation_score": 0.7, "gap": 0.05},
        "tables": [{**table, "designs": [other, row], "comparisons": [compared]}],
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    return tmp_path


def test_every_foreign_text_is_shown_as_text(run):
    page = write_report(run).read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 12


def test_the_page_is_well_formed_and_fetches_nothing(run):
    page = write_report(run).read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "iframe", "img"}
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert "default-src 'none'" in page


def test_it_says_that_the_executor_is_simulated_and_the_games_are_generated(run):
    page = " ".join(write_report(run).read_text().split())
    assert "<b>simulated executor</b>" in page
    assert "which is not a language model" in page
    assert "generated games, not an official benchmark" in page


def test_the_curve_is_the_best_so_far_and_the_tree_the_descent(run):
    facts = gather(run, read_summary(run))
    assert [round(point.best, 3) for point in facts.curve] == [0.375, 0.75]
    assert all(point.low <= point.best <= point.high for point in facts.curve)
    (root,) = facts.tree
    assert [child.row.id for child in root.children] == [facts.learned.id]
    assert "-    x = 1" in facts.diff
    assert "+    x = 2" in facts.diff


def test_the_level_shown_is_one_that_only_memory_solved(run):
    pair = gather(run, read_summary(run)).pair
    assert pair.with_memory.success
    assert not pair.without.success


def test_a_run_that_has_no_summary_yet_says_how_to_go_on(tmp_path):
    with pytest.raises(ConfigError, match="alma resume"):
        write_report(tmp_path)
