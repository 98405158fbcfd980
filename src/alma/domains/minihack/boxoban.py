"""Boxoban for MiniHack: levels read from a folder of the user's, one named by task and level seed.

MiniHack 1.0.2 chooses a level with the global generator, in the order of the file system, and its reset is
broken under gymnasium. Here the level comes from a sorted list and a seed, and the class is mended.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from alma.records import ConfigError

FOLDERS = {"Hard": "hard", "Medium": "medium/train", "Unfiltered": "unfiltered/train"}


@lru_cache(maxsize=8)
def levels(root: str, task: str) -> tuple[str, ...]:
    """The levels of `Boxoban-Hard-v0` and the like as text, in the order of files and numbers.

    Raises ConfigError when the folder does not hold them.
    """
    folder = Path(root, FOLDERS[task.split("-")[1]])
    files = sorted(folder.glob("*.txt"))
    if not root or not files:
        where = f"not found in {root!r}" if root else "not set up"
        raise ConfigError(
            f"Boxoban levels are {where}: get them with `alma domains data boxoban`, "
            "or let BOXOBAN_DATA point to the folder boxoban-levels-master"
        )
    found: list[str] = []
    for file in files:
        for block in file.read_text(encoding="ascii").replace("\r\n", "\n").split(";"):
            lines = block.split("\n")[1:]
            if any(lines):
                found.append("\n".join(line for line in lines if line))
    return tuple(found)


def environment_class(chosen: str) -> Any:
    """A Boxoban environment whose only level is `chosen`, with the original's rules and no shaping."""
    from minihack.envs import boxohack

    class OneLevel(boxohack.BoxoHack):  # type: ignore[misc]
        _goal_pos_set = None

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            self._levels = [chosen + "\n"]
            self._flags: tuple[str, ...] = ()
            self._time_penalty = self._reward_shaping_coefficient = 0
            settings["actions"] = boxohack.MOVE_ACTIONS
            # Past the original's own, which reads its folder of levels.
            super(boxohack.BoxoHack, self).__init__(
                *arguments, des_file=self.get_lvl_gen().get_des(), **settings
            )

    return OneLevel
