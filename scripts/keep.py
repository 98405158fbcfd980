"""Runs a benchmark and keeps what it prints as a page of docs/generated/.

    python -m scripts.keep NAME [ARGUMENTS...]

Numbers in the docs come from here only. A Markdown table is kept as it is, other output as a block.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOUR = ("four-alfworld", "four-textworld", "four-babaisai", "four-minihack")

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "demo_table": ("-m", "benchmarks.demo_table"),
    "demo_seeds": ("-m", "benchmarks.demo_seeds"),
    "official_table": ("-m", "benchmarks.official_table"),
    "reader": ("-m", "benchmarks.reader"),
    "four_domains": ("-m", "benchmarks.demo_table", *(f"runs/{name}" for name in FOUR)),
    "domains": ("-m", "benchmarks.domains"),
    "domains_memory": ("-m", "benchmarks.domains", "memory"),
    "kills": ("-m", "benchmarks.kills"),
    "kills_paid": ("-m", "benchmarks.kills", "--paid", "--kills", "200"),
    "soak": ("-m", "benchmarks.soak", "--minutes", "12"),
    "rollout": ("-m", "benchmarks.rollout"),
    "sandbox": ("-m", "benchmarks.sandbox"),
    "sandbox_attacks": ("-m", "benchmarks.sandbox.attacks"),
    "sandbox_hostile": ("-m", "benchmarks.sandbox.hostile"),
    "baba": ("-m", "benchmarks.baba"),
    "baba_oracle": ("-m", "alma.domains.babaisai.oracle"),
    "engine": ("benchmarks/engine/run.py",),
    "oracle": ("-m", "alma.domains.alfworld.oracle"),
    "stats": ("-m", "benchmarks.stats"),
    "textworld_speed": ("-m", "benchmarks.textworld"),
    "textworld_table": ("-m", "benchmarks.demo_table", "runs/demo-textworld"),
    "families_table": ("-m", "benchmarks.demo_table", "runs/textworld"),
    "selectors": ("-m", "benchmarks.selectors", "--runs", "runs/demo"),
    "racing_whole": ("-m", "benchmarks.racing.whole"),
    "racing": ("-m", "benchmarks.racing", "--runs", "runs/demo"),
    "concurrency": ("-m", "benchmarks.concurrency"),
    "live": ("-m", "benchmarks.live"),
    "local_model": ("-m", "benchmarks.local_model"),
    "transfer": ("-m", "benchmarks.transfer"),
}


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in COMMANDS:
        print(f"give one of: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    name, *more = arguments
    command = [*COMMANDS[name], *more]
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"nothing kept: the command ended with {done.returncode}", file=sys.stderr)
        return 1
    path = Path("docs/generated", f"{name}.md")
    path.write_text(page(" ".join(["python", *command]), done.stdout), encoding="utf-8")
    print(f"wrote {path}; now: python -m scripts.generate_docs")
    return 0


def page(command: str, output: str) -> str:
    """The command, then what it printed."""
    kept = output.strip() if "\n| ---" in output else f"```text\n{output.strip()}\n```"
    return f"What `{command}` printed:\n\n{kept}\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
