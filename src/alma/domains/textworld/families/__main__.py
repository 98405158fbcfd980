"""Make more games of the families, or compile a folder of them: `python -m alma.domains.textworld.families`.

    --generate FAMILY --games N --seed S --out FOLDER    write N new games as JSON, in the benchmark's layout
    --compile FOLDER [--cache CACHE]                     compile a folder's games before a run needs them

Needs the extra `textworld`. No run generates games by itself; play what is made here with
`--set textworld.data=FOLDER`.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from alma.domains.textworld.engine import require
from alma.domains.textworld.families import games
from alma.domains.textworld.families.compiled import compiled, default_cache
from alma.domains.textworld.families.generate import HARDEST, generate
from alma.records import AlmaError, ConfigError


def main() -> int:
    told = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        prog="python -m alma.domains.textworld.families",
        description=told[0] + told[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--generate", choices=games.FAMILIES, metavar="FAMILY", help=", ".join(games.FAMILIES)
    )
    parser.add_argument("--games", type=int, default=20, help="how many games; 20 by default")
    parser.add_argument("--seed", type=int, default=1000, help="the first game's seed; 1000 by default")
    parser.add_argument(
        "--level",
        type=int,
        help=f"of a treasure hunt, 1 to {HARDEST}; {HARDEST} by default (the benchmark's is 30)",
    )
    parser.add_argument("--out", type=Path, help="the folder to write to")
    parser.add_argument("--compile", type=Path, metavar="FOLDER", help="compile the games in this folder")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where compiled games are kept")
    arguments = parser.parse_args()
    if bool(arguments.generate) == bool(arguments.compile):
        parser.error("give one of --generate and --compile")
    if arguments.generate and arguments.out is None:
        parser.error("--generate needs --out FOLDER")
    if arguments.generate and os.environ.get("PYTHONHASHSEED") != "0":
        # TextWorld walks through sets of text, so the files depend on how text is hashed.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "alma.domains.textworld.families", *sys.argv[1:]])
    try:
        require()
        if arguments.generate:
            _generate(arguments.generate, arguments.games, arguments.seed, arguments.level, arguments.out)
        else:
            _compile(arguments.compile, arguments.cache)
    except AlmaError as error:
        sys.stderr.write(f"families: {' '.join(str(error).split())}\n")
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def _generate(family: str, count: int, seed: int, level: int | None, out: Path) -> None:
    for number, path in enumerate(generate(family, count, seed, level, out), 1):
        sys.stderr.write(f"\r{number} of {count} games; the last one is {path.name}   ")
    sys.stderr.write("\n")


def _compile(folder: Path, cache: Path) -> None:
    paths = [
        Path(folder, family, name) for family, names in games.listed(str(folder)).items() for name in names
    ]
    if not paths:
        raise ConfigError(f"{folder} has no games; it must hold {', '.join(games.FAMILIES)} or one of them")
    with ProcessPoolExecutor() as pool:
        for number, _ in enumerate(pool.map(_one, paths, [cache] * len(paths)), 1):
            sys.stderr.write(f"\r{number} of {len(paths)} games")
    sys.stderr.write("\n")


def _one(path: Path, cache: Path) -> str:
    return compiled(path, cache).key


if __name__ == "__main__":
    sys.exit(main())
