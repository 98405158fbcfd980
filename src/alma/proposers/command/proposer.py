"""A program that writes designs: it is started in a workspace folder and leaves `design.py` there.

The program is the user's own and runs with the user's rights and environment; only what it wrote is walled
in. What it costs is not ALMA's to know. Its answers are kept, so a run that goes on asks for none twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from alma.proposers.command.workspace import write_archive
from alma.proposers.contract import Inspiration, Means
from alma.proposers.llm.sdk import reference
from alma.records import ConfigError, Failure, Proposal, content_hash
from alma.records.prompt import load_prompts

MINUTES = 60.0
"""How long the program may take for one design."""
LOG_CHARS = 20_000
"""Of what it prints, kept as the proposal's transcript."""
MOST_SOURCE = 200_000

_EXPECTED = re.compile(r"^\s*expected:\s*(0?\.\d+|[01](?:\.0*)?)\s*$", re.MULTILINE | re.IGNORECASE)


class CommandProposer:
    """Proposes by a shell command (`alma.proposers.contract.Proposer`). `clean` rids its log of secrets."""

    def __init__(
        self, means: Means, command: str, clean: Callable[[str], str] = str, *, minutes: float = MINUTES
    ) -> None:
        if means.folder is None:
            raise ConfigError("--proposer command works in a run's folder only")
        self._means, self._command, self._clean = means, command, clean
        self._folder, self._minutes = means.folder.resolve(), minutes
        self._prompts = load_prompts(__package__ or "")
        # A design file has the same rules whoever writes it.
        self._rules = load_prompts("alma.proposers.llm")["system"]

    @property
    def name(self) -> str:
        return f"command {self._command}"

    async def propose(self, inspiration: Inspiration) -> Proposal:
        workspace = self._workspace(inspiration)
        write_archive(inspiration.archive, self._folder / "archive", workspace)
        others = str(inspiration.index + 1) if inspiration.index else ""
        parents = " and ".join(f"`archive/{row.id}`" for row in inspiration.parents)
        limits = "\n".join(f"- {line}" for line in self._means.facts)
        task = self._prompts["task"].render(
            parents=parents,
            brief=inspiration.brief,
            agent=self._means.agent,
            hint=self._means.hint,
            others=others,
        )
        (workspace / "task.md").write_text(task + "\n", encoding="utf-8")
        sdk = self._rules.render(sdk=reference(), limits=limits)
        (workspace / "sdk.md").write_text(sdk + "\n", encoding="utf-8")
        proposal = Proposal("", parents=tuple(row.id for row in inspiration.parents))
        return await self._asked(workspace, f"{inspiration.seed}", proposal)

    async def repair(self, proposal: Proposal, failure: Failure, inspiration: Inspiration) -> Proposal:
        workspace = self._workspace(inspiration)
        told = self._prompts["failure"].render(
            call=failure.call, message=failure.message, trace=failure.trace
        )
        (workspace / "failure.md").write_text(told + "\n", encoding="utf-8")
        key = content_hash([inspiration.seed, proposal.source, failure.call, failure.message], 12)
        return await self._asked(workspace, key, proposal)

    def _workspace(self, inspiration: Inspiration) -> Path:
        return self._folder / f"{inspiration.step:03}-{inspiration.index:02}"

    async def _asked(self, workspace: Path, key: str, proposal: Proposal) -> Proposal:
        """What the program leaves, now or in an earlier sitting; asked once more when there is no file."""
        kept = workspace / "answers" / key
        if not kept.exists():
            before = _text(workspace / "design.py") if proposal.source else None
            for _ in range(2):
                told = await self._run(workspace)
                source = _text(workspace / "design.py")
                if source and source != before:
                    break
                told = told or "it wrote nothing there"
                (workspace / "failure.md").write_text(f"No new design.py: {told}.\n", encoding="utf-8")
            making = workspace / "answers" / f".{key}"
            making.mkdir(parents=True, exist_ok=True)
            for name in ("design.py", "plan.md"):
                if (workspace / name).is_file():
                    shutil.copy(workspace / name, making / name)
            log = self._clean(_text(workspace / "log.txt"))[-LOG_CHARS:]
            (making / "log.txt").write_text(log, encoding="utf-8")
            (making / "end.txt").write_text(told, encoding="utf-8")
            making.rename(kept)
        return self._kept(kept, proposal)

    def _kept(self, kept: Path, proposal: Proposal) -> Proposal:
        source, plan, told = (_text(kept / name) for name in ("design.py", "plan.md", "end.txt"))
        said = [
            {"role": "user", "content": self._command},
            {"role": "assistant", "content": _text(kept / "log.txt") or told or "(printed nothing)"},
        ]
        expected = _EXPECTED.search(plan)
        return replace(
            proposal,
            source=source[:MOST_SOURCE],
            plan=plan.strip()[:4000],
            name=(plan.strip().splitlines() or [""])[0].lstrip("# ")[:60],
            genome={"expected_score": float(expected[1])} if expected else {},
            transcripts=(*proposal.transcripts, *(json.dumps(one) for one in said)),
            failure=None if source else Failure("propose", f"the program wrote no design.py: {told}"),
        )

    async def _run(self, workspace: Path) -> str:
        """Run the program; what went wrong, or "". It and all its children end with it or with us."""
        with (workspace / "log.txt").open("ab") as log:
            process = await asyncio.create_subprocess_shell(
                self._command,
                cwd=workspace,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                code = await asyncio.wait_for(process.wait(), 60 * self._minutes)
            except TimeoutError:
                return f"it took more than {self._minutes:g} minutes"
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if code in (126, 127):
            raise ConfigError(
                f"--proposer: the shell can't run {self._command!r}; see {workspace / 'log.txt'}"
            )
        return f"it ended with exit code {code}" if code else ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
