"""Hand-made designs, each written as any design is: one file that imports `alma.memory` only.

The files are read as text and run in the sandbox like every other design.
"""

from importlib import resources

NAMES = ("empty_memory", "random_recall", "trajectory_retrieval")


def source(name: str) -> str:
    """The text of a baseline's file; KeyError for an unknown name."""
    if name not in NAMES:
        raise KeyError(name)
    return resources.files(__package__).joinpath(f"{name}.py").read_text(encoding="utf-8")
