"""A program as proposer: what it may read, what is taken from it, and how it fails, stops and goes on."""

import asyncio
import json
import os
import sys
import time

import pytest

from alma.archive import open_archive
from alma.learning.candidate import seen_before
from alma.proposers.command import CommandProposer
from alma.proposers.contract import Inspiration, Means
from alma.records import (
    ConfigError,
    Design,
    EpisodeRecord,
    Evaluation,
    Failure,
    Observation,
    Outcome,
    Phase,
    Proposal,
    Protocol,
    Step,
    Trajectory,
)
from alma.testing.loop import in_loop

FILE = """from alma.memory import Memory


class Made(Memory):
    async def retrieve(self, situation):
        return {!r}
"""
PROTOCOL = Protocol("d", Phase("train", 1), Phase("train", 1), 1, 5, 0)


def evaluation(design_id, reward):
    """Two episodes of tasks whose names must not be told."""
    episodes = []
    for number in range(2):
        key = f"train/secret-task-{number}"
        steps = (Step("open box", "A key.", ("take key",), reward, True),)
        run = Trajectory(key, Observation("A room.", "find the key"), steps, Outcome(reward, reward == 1))
        episodes.append(EpisodeRecord(key, "c", 0, reward, reward == 1, 1, recall="look", trajectory=run))
    return Evaluation(f"e-{design_id}", design_id, "search", PROTOCOL, episodes, log=("one line",))


@pytest.fixture
def archive(tmp_path):
    with open_archive(tmp_path / "archive.db", "search") as opened:
        opened.start_run("search", {}, 1)
        opened.add_evaluation(evaluation("no_memory", 0.0))
        for step, name in enumerate(("first", "hereafter")):
            design = Design.from_source(FILE.format(name), name)
            opened.add_design(Proposal(design.source, f"plan of {name}", name=name), design, step, 0)
            opened.add_evaluation(evaluation(design.id, float(step)))
        yield opened


def program(tmp_path, *lines):
    """A shell command that runs these lines of Python."""
    file = tmp_path / "agent.py"
    file.write_text("\n".join(["import json, os, sys, time", "from pathlib import Path", *lines]))
    return f"{sys.executable} {file}"


def proposer(tmp_path, command, **options):
    means = Means(None, "It plays.", ("a limit",), "look in boxes", tmp_path / "workspaces")
    return CommandProposer(means, command, **options)


def asked(archive, step=1, index=0):
    seen = seen_before(archive, step)
    return Inspiration(tuple(seen.designs()[:1]), seen, "Find keys.", step, index, 7)


@in_loop
async def test_an_agent_reads_the_archive_as_it_stood_and_its_file_is_taken(tmp_path, archive):
    command = program(
        tmp_path,
        "best = json.loads(Path('archive/index.json').read_text())[0]",
        "source = Path('archive', best['id'], 'design.py').read_text()",
        "won = [json.loads(line) for line in Path('archive/no_memory/episodes.jsonl').open()]",
        "Path('design.py').write_text(source.replace('first', won[0]['steps'][0]['action']))",
        "Path('plan.md').write_text('# Says what was done\\n\\nexpected: 0.62\\n')",
        "print('looked at', sorted(os.listdir('archive')))",
    )
    inspiration = asked(archive)
    proposal = await proposer(tmp_path, command).propose(inspiration)
    assert proposal.source == FILE.format("open box")
    assert (proposal.name, proposal.genome) == ("Says what was done", {"expected_score": 0.62})
    assert proposal.parents == (archive.designs()[0].id,)
    log = json.loads(proposal.transcripts[1])["content"]
    assert log.strip() == f"looked at {sorted(['index.json', 'no_memory', archive.designs()[0].id])}"
    told = "\n".join(
        path.read_text() for path in (tmp_path / "workspaces").rglob("*") if path.is_file() and path.suffix
    )
    for shown in (
        "Find keys.",
        "It plays.",
        "a limit",
        "look in boxes",
        "## Toolkit",
        "plan of first",
        "one line",
    ):
        assert shown in told
    for hidden in ("secret-task", "train/", "hereafter"):
        assert hidden not in told


@in_loop
async def test_a_failure_is_told_and_the_mended_file_is_taken(tmp_path, archive):
    command = program(
        tmp_path,
        "told = Path('failure.md').read_text() if Path('failure.md').exists() else 'nothing'",
        f"Path('design.py').write_text({FILE!r}.replace('{{!r}}', repr(told)))",
    )
    writes, inspiration = proposer(tmp_path, command), asked(archive)
    first = await writes.propose(inspiration)
    mended = await writes.repair(first, Failure("retrieve", "ValueError: no", "line 9"), inspiration)
    assert "nothing" in first.source
    assert "ValueError: no" in mended.source
    assert "line 9" in mended.source
    assert mended.failure is None
    assert len(mended.transcripts) == 4


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["print('no idea')"], "it wrote nothing there"),
        (["sys.exit(3)"], "exit code 3"),
        (["time.sleep(60)"], "minutes"),
    ],
)
@in_loop
async def test_without_a_file_it_is_asked_once_more_and_then_it_is_a_failed_proposal(
    tmp_path, archive, lines, why
):
    command = program(tmp_path, "open('count', 'a').write('x')", *lines)
    proposal = await proposer(tmp_path, command, minutes=0.01).propose(asked(archive))
    assert why in proposal.failure.message
    assert proposal.failure.call == "propose"
    assert (tmp_path / "workspaces/001-00/count").read_text() == "xx"
    if "no idea" in lines[0]:
        assert "no idea" in proposal.transcripts[1]


@in_loop
async def test_a_run_that_goes_on_asks_for_no_answer_twice(tmp_path, archive):
    command = program(
        tmp_path, "open('count', 'a').write('x')", f"Path('design.py').write_text({FILE.format(1)!r})"
    )
    for _ in range(2):
        proposal = await proposer(tmp_path, command).propose(asked(archive))
        assert proposal.source == FILE.format(1)
    assert (tmp_path / "workspaces/001-00/count").read_text() == "x"


@in_loop
async def test_who_stops_the_run_stops_the_program_and_its_children(tmp_path, archive):
    command = program(
        tmp_path,
        "import subprocess",
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])",
        "Path('pids').write_text(f'{os.getpid()} {child.pid}')",
        "time.sleep(300)",
    )
    task = asyncio.create_task(proposer(tmp_path, command).propose(asked(archive)))
    file = tmp_path / "workspaces/001-00/pids"
    for _ in range(200):
        await asyncio.sleep(0.05)
        if file.exists() and len(file.read_text().split()) == 2:
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    time.sleep(0.1)
    for pid in map(int, file.read_text().split()):
        state = ""
        if os.path.exists(f"/proc/{pid}/stat"):
            with open(f"/proc/{pid}/stat") as stat:
                state = stat.read().rpartition(")")[2].split()[0]
        assert state in ("", "Z", "X")


@in_loop
async def test_a_key_that_the_program_prints_is_not_kept(tmp_path, archive):
    command = program(
        tmp_path, "print('key is', 'sk-' + 'a' * 20)", f"Path('design.py').write_text({FILE.format(1)!r})"
    )
    clean = lambda text: text.replace("sk-" + "a" * 20, "[a key]")  # noqa: E731
    proposal = await proposer(tmp_path, command, clean=clean).propose(asked(archive))
    assert "key is [a key]" in json.loads(proposal.transcripts[1])["content"]


@in_loop
async def test_a_program_that_is_not_there_ends_the_run_with_its_name(tmp_path, archive):
    with pytest.raises(ConfigError, match="no-such-agent"):
        await proposer(tmp_path, "no-such-agent --write").propose(asked(archive))
