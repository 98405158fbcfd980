"""`--set alfworld.engine=stock` plays the same tasks: what is seen and scored is the same, step by step."""

from __future__ import annotations

import pytest

from alma.domains.alfworld import Households
from alma.records import Level
from alma.testing.conformance import transcript

pytestmark = pytest.mark.system


def test_both_engines_give_the_same_transcripts() -> None:
    own, stock = Households(), Households({"engine": "stock"})
    assert stock.options == {**own.options, "engine": "stock"}
    tasks = own.tasks("in_distribution")
    for task in tasks[:: len(tasks) // 4]:
        told = []
        for domain in (own, stock):
            environment = domain.open(Level(task))
            told.append(transcript(environment, lambda question: None, task.id, 8))
            assert environment.step("fly to the moon").error
            environment.close()
        for one, other in zip(*told, strict=True):
            assert one == other
