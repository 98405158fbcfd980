"""What the search may rely on when it writes to the archive and reads it back."""

import dataclasses

import pytest

from alma.archive import (
    NO_MEMORY,
    Archive,
    ArchiveView,
    SqlArchive,
    design_frame,
    episode_frame,
    open_archive,
)
from alma.records import ConfigError, Design, Failure, Ledger, Proposal


def test_sql_archive_satisfies_the_contracts(archive):
    # Checked by mypy; here so that the names are used together at least once.
    whole: Archive = archive
    view: ArchiveView = whole
    ledger: Ledger = archive.ledger()
    assert view.designs() == []
    assert ledger.recorded("nothing") is None


def test_a_run_is_started_once_and_gone_on_with(path):
    with open_archive(path) as archive:
        archive.start_run("run", {"domain": "toy", "nested": {"k": [1]}}, 2**63 + 5)
        archive.finish_run("paused", {"designs": 3})
        assert archive.run().status == "paused"
    with open_archive(path) as archive:
        assert archive.run_id == "run"
        archive.start_run("run", {"domain": "other"}, 2**63 + 5)
        run = archive.run()
        assert (run.status, run.finished, run.seed) == ("running", None, 2**63 + 5)
        assert run.config == {"domain": "toy", "nested": {"k": [1]}}
        with pytest.raises(ConfigError, match="started with seed"):
            archive.start_run("run", {}, 1)


def test_a_design_comes_back_as_it_was_proposed(archive, add):
    design = add(1, step=4, index=2)
    (row,) = archive.designs()
    assert row == archive.design(design.id)
    assert row.design == design
    assert (row.plan, row.reflection, row.genome) == ("plan", "reflection", {"keys": [1]})
    assert (row.created_step, row.index, row.generation, row.status, row.visits) == (4, 2, 0, "pending", 0)
    assert (row.search_score, row.validation_score, row.success, row.failure) == (None, None, None, None)
    with pytest.raises(KeyError, match="nothing"):
        archive.design("nothing")


def test_designs_keep_the_order_of_addition_and_count_generations(archive, add):
    first = add(1)
    second = add(2, (first.id,), step=1)
    third = add(3, (first.id, second.id), step=2)
    assert [row.id for row in archive.designs()] == [first.id, second.id, third.id]
    assert [row.generation for row in archive.designs()] == [0, 1, 2]
    assert archive.design(third.id).parents == (first.id, second.id)


def test_known_code_adds_lineage_and_proposal_but_no_design(archive, add):
    first, other = add(1), add(2)
    again = Design(first.id, "x = 1  # said differently", "later")
    assert not archive.add_design(Proposal(again.source, parents=(other.id,)), again, 3, 1)
    row = archive.design(first.id)
    assert (row.source, row.parents, len(archive.designs())) == ("x = 1", (other.id,), 2)
    assert [(one.step, one.index) for one in archive.proposals(first.id)] == [(0, 0), (3, 1)]
    assert archive.proposals(first.id)[1].proposal.source == "x = 1  # said differently"


def test_repeating_a_proposal_changes_nothing(archive, add):
    parent = add(1)
    child = add(2, (parent.id,), step=1)
    before = archive.archive_hash()
    assert not archive.add_design(Proposal("x = 2", parents=(parent.id,)), child, 1, 0)
    assert archive.archive_hash() == before
    assert len(archive.proposals(child.id)) == 1


def test_a_design_may_be_proposed_again_by_its_own_child(archive, add):
    design = add(1)
    assert not archive.add_design(Proposal(design.source, parents=(design.id,)), design, 1, 0)
    assert archive.design(design.id).parents == (design.id,)


def test_an_unknown_parent_is_refused_and_leaves_nothing(archive):
    design = Design.from_source("x = 9")
    with pytest.raises(ValueError, match="parents not in the archive: ghost"):
        archive.add_design(Proposal("x = 9", parents=("ghost",)), design, 0, 0)
    assert archive.designs() == []


def test_transcripts_are_kept_with_their_proposal(archive, add):
    add(1)
    (row,) = archive.proposals()
    assert row.proposal.transcripts == ("ask", "answer")
    assert row.proposal.parents == ()


def test_a_failed_design_stays_with_its_failure(archive, add):
    design = add(1)
    failure = Failure("update", "KeyError: 'cup'", "line 3")
    archive.record_failure(design.id, failure)
    row = archive.design(design.id)
    assert (row.status, row.failure) == ("failed", failure)
    with pytest.raises(KeyError):
        archive.record_failure("nothing", failure)


def test_an_evaluation_comes_back_exactly(archive, add, evaluation):
    given = evaluation("e1", add(1).id)
    assert archive.add_evaluation(given)
    assert archive.get_evaluation("e1", trajectories=True) == given
    assert archive.evaluation(given.design_id, "search", trajectories=True) == given
    light = archive.get_evaluation("e1")
    assert light.reward == given.reward
    assert all(one.trajectory is None and one.recall == "" for one in light.episodes)
    plain = [dataclasses.replace(one, trajectory=None, recall="") for one in given.episodes]
    assert light == dataclasses.replace(given, episodes=plain)


def test_steps_on_a_level_are_the_mean_of_all_its_episodes(archive, add, evaluation):
    first, second = evaluation("e1", add(1).id), evaluation("e2", add(2).id)
    longer = tuple(dataclasses.replace(one, steps=one.steps + 2) for one in second.episodes)
    archive.add_evaluation(first)
    archive.add_evaluation(dataclasses.replace(second, episodes=longer))
    assert archive.steps_taken() == {one.level_key: one.steps + 1 for one in first.played}
    assert first.missing


def test_an_evaluation_is_read_once_and_its_trajectories_each_time(archive, add, evaluation, monkeypatch):
    archive.add_evaluation(evaluation("e1", add(1).id))
    light = archive.get_evaluation("e1")
    monkeypatch.setattr("alma.archive.reading._episode", None)
    assert archive.get_evaluation("e1") is light
    monkeypatch.undo()
    whole = archive.get_evaluation("e1", trajectories=True)
    assert whole is not None
    assert light is not None
    assert [one.reward for one in whole.episodes] == [one.reward for one in light.episodes]
    assert any(one.trajectory for one in whole.episodes)
    assert not any(one.trajectory for one in light.episodes)


def test_only_the_last_read_evaluations_are_kept_in_memory(archive, add, evaluation, monkeypatch):
    monkeypatch.setattr("alma.archive.reading.KEPT", 2)
    for number in range(4):
        archive.add_evaluation(evaluation(f"e{number}", add(number).id))
    first, *_, last = archive.evaluations()
    assert archive.get_evaluation("e3") is last
    assert archive.get_evaluation("e0") is not first
    assert archive.get_evaluation("e0") == first


def test_an_evaluation_is_kept_once(archive, add, evaluation):
    design = add(1)
    assert not archive.has_evaluation("e1")
    assert archive.add_evaluation(evaluation("e1", design.id))
    assert archive.has_evaluation("e1")
    assert not archive.add_evaluation(evaluation("e1", design.id, rewards=(0.0,)))
    assert len(archive.get_evaluation("e1").episodes) == 3


def test_evaluations_give_a_design_its_scores(archive, add, evaluation):
    design = add(1)
    archive.add_evaluation(evaluation("v", design.id, "verify"))
    assert archive.design(design.id).status == "pending"
    archive.add_evaluation(evaluation("s", design.id, "search", (1.0, 0.5)), score=0.5)
    archive.add_evaluation(evaluation("w", design.id, "validation", (0.25,)))
    archive.add_evaluation(evaluation("h", design.id, "held_out", (0.0,)))
    archive.add_evaluation(evaluation("s2", design.id, "search", (0.0,)))
    row = archive.design(design.id)
    assert (row.status, row.search_score, row.success, row.validation_score) == ("evaluated", 0.5, 0.5, 0.25)
    assert [one.id for one in archive.evaluations()] == ["v", "s", "w", "h", "s2"]
    assert [one.id for one in archive.evaluations(stage="search")] == ["s", "s2"]
    assert archive.evaluation(design.id, "search").id == "s"


def test_playing_without_memory_is_found_by_its_name(archive, evaluation):
    assert archive.no_memory() is None
    archive.add_evaluation(evaluation("n", NO_MEMORY))
    assert archive.no_memory().id == "n"
    assert archive.designs() == []


def test_an_evaluation_without_episodes_is_kept(archive, evaluation):
    archive.add_evaluation(evaluation("e", NO_MEMORY, rewards=()))
    assert archive.get_evaluation("e", trajectories=True).episodes == []


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(archive, evaluation, broken):
    with pytest.raises(ValueError, match="not finite"):
        archive.add_evaluation(evaluation("e", NO_MEMORY, rewards=(1.0, broken)))
    assert not archive.has_evaluation("e")


def test_visits_are_counted_once_for_each_child(archive, add):
    design = add(1)
    for step, index in [(1, 0), (1, 1), (2, 0), (2, 0)]:
        archive.count_visit(design.id, step, index)
    assert archive.design(design.id).visits == 3


def test_collections_come_back_exactly_and_are_kept_once(archive, trajectory):
    collected = [trajectory("a"), trajectory("b", 5)]
    assert archive.get_collection("key") is None
    assert archive.add_collection("key", collected)
    assert not archive.add_collection("key", [])
    assert archive.get_collection("key") == collected


def test_events_are_numbered_in_order(archive):
    numbers = [archive.add_event(kind, {"step": step}) for step, kind in enumerate(["begin", "draw", "draw"])]
    assert numbers == [1, 2, 3]
    assert [one.payload["step"] for one in archive.events("draw")] == [1, 2]
    assert [one.number for one in archive.events(after=2)] == [3]


def test_text_that_no_database_takes_does_not_stop_the_run(archive, evaluation):
    given = evaluation("e", NO_MEMORY)
    odd = dataclasses.replace(given.episodes[0], message="half \ud800 pair", recall="half \ud800 pair")
    archive.add_evaluation(dataclasses.replace(given, episodes=[odd]))
    (kept,) = archive.get_evaluation("e", trajectories=True).episodes
    assert (kept.message, kept.recall) == ("half ? pair", "half \ud800 pair")


def test_runs_in_one_database_do_not_mix(path, archive, add, evaluation):
    design = add(1)
    archive.add_evaluation(evaluation("e1", design.id))
    with open_archive(path, "second") as other:
        other.start_run("second", {}, 1)
        assert other.designs() == []
        assert not other.has_evaluation("e1")
        assert other.add_event("begin", {}) == 1
    with pytest.raises(ConfigError, match="several runs; name one of: run, second"):
        open_archive(path)
    with pytest.raises(ConfigError, match="no run 'third'"):
        open_archive(path, "third", read_only=True)


def test_a_reader_sees_the_run_grow(path, archive, add):
    with open_archive(path, read_only=True) as reader:
        assert reader.designs() == []
        add(1)
        assert len(reader.designs()) == 1


def test_frames_hold_one_row_for_each_episode_and_design(archive, add, evaluation):
    design = add(1)
    archive.add_evaluation(evaluation("e1", design.id))
    rows = episode_frame(archive)
    assert [row["reward"] for row in rows] == [1.0, 0.0, None]
    assert {row["stage"] for row in rows} == {"search"}
    (row,) = design_frame(archive)
    assert (row["id"], row["search_score"], row["parents"]) == (design.id, 0.5, [])


def fill(archive: SqlArchive, evaluation, order) -> str:
    archive.start_run("run", {}, 7)
    designs = [Design.from_source(f"x = {value}") for value in range(3)]
    archive.add_design(Proposal("x = 0"), designs[0], 0, 0)
    for value in order:
        archive.add_design(Proposal(f"x = {value}", parents=(designs[0].id,)), designs[value], 1, value)
        archive.count_visit(designs[0].id, 1, value)
        archive.add_evaluation(evaluation(f"e{value}", designs[value].id))
        archive.add_event("added", {"value": value})
    return archive.archive_hash()


def test_hash_ignores_times_and_the_order_of_parallel_work(tmp_path, evaluation):
    with open_archive(tmp_path / "a.db") as one, open_archive(tmp_path / "b.db") as other:
        assert fill(one, evaluation, (1, 2)) == fill(other, evaluation, (2, 1))


def test_hash_sees_scores_status_lineage_and_visits(archive, add, evaluation, trajectory):
    seen = {archive.archive_hash()}
    design, child = add(1), add(2, step=1)
    changes = [
        lambda: archive.record_failure(child.id, Failure("update", "boom")),
        lambda: archive.add_evaluation(evaluation("e1", design.id)),
        lambda: archive.count_visit(design.id, 1),
        lambda: archive.add_design(Proposal("x = 2", parents=(design.id,)), child, 2, 0),
        lambda: archive.add_collection("key", [trajectory()]),
    ]
    for change in changes:
        change()
        seen.add(archive.archive_hash())
    assert len(seen) == 1 + len(changes)
    before = archive.archive_hash()
    archive.add_event("noise", {})
    archive.finish_run("finished", {"done": True})
    assert archive.archive_hash() == before
