"""The conformance checks: every domain here passes them, and each of them can fail."""

from pathlib import Path

import pytest
from broken_domain import BrokenDomain

from alma.domains.alfworld import Households
from alma.testing import assert_domain, check_domain
from alma.testing.toy import ToyDomain


@pytest.mark.parametrize(
    "domain", [ToyDomain(), ToyDomain({"seeded": 0}), Households()], ids=lambda d: d.name
)
def test_the_domains_pass(domain):
    assert_domain(domain, make=type(domain), levels=2, steps=12)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ("no goal", "the goal is visible"),
        ("lists too much", "what is admissible is accepted"),
        ("raises", "nonsense is answered"),
        ("shows itself", "nonsense is answered"),
        ("takes anything", "nonsense is answered"),
        ("score", "scores are in range"),
        ("shares levels", "no level is in two splits"),
        ("seeds do nothing", "level seeds do what the domain says"),
        ("nothing to learn from", "tasks are named once"),
    ],
)
def test_what_is_wrong_is_found(wrong, check, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    found = {one.check: one for one in check_domain(BrokenDomain({"wrong": wrong}), levels=2, steps=6)}
    assert not found[check].ok, found[check].detail


def test_a_level_that_differs_between_processes_is_found(tmp_path, monkeypatch):
    (tmp_path / "strange.py").write_text(
        "import os\n"
        "from dataclasses import replace\n"
        "from alma.testing.toy import ToyDomain, ToyEnvironment\n\n"
        "class Game(ToyEnvironment):\n"
        "    def reset(self):\n"
        "        first = super().reset()\n"
        "        return replace(first, text=first.text + str(os.getpid()))\n\n"
        "class Strange(ToyDomain):\n"
        "    def open(self, level):\n"
        "        game = super().open(level)\n"
        "        return Game(game._house, game._thing, game._hidden, game._order)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from strange import Strange

    found = {one.check: one for one in check_domain(Strange(), levels=1, steps=3)}
    assert not found["a level is the same in every process"].ok
    assert "differs at step 0" in found["a level is the same in every process"].detail
