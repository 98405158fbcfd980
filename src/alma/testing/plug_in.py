"""A plug-in installed for a test: a folder on the path that names the toy domain as an entry point.

What a plug-in's author gets from a package manager, without one: the same metadata, found the same way.
"""

from __future__ import annotations

from pathlib import Path

ENTRY_POINTS = """[alma.domains]
toy = alma.testing.toy:ToyDomain

[alma.agents]
talker = alma.testing.talker:Talker

[alma.models]
toy = alma.testing.talker:ToyModel
"""


def install_toy(folder: Path) -> Path:
    """Write the metadata; the folder then goes on `sys.path`, or in PYTHONPATH for another process."""
    metadata = folder / "alma_toy-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: alma-toy\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder
