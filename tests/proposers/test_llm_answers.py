"""Designs are found in what models write, and what isn't there is said to be missing."""

import json

import pytest

from alma.proposers.llm.answers import code_in, fenced, part_of, plan_in

HEAD = "from alma.memory import Memory\n\n\nclass M(Memory):\n"
FILE = HEAD + '    """Shows\n\n    ```\n    an example\n    ```\n    """\n'
PLAN = {"name": "n", "changes": [{"what": "a", "why": "b", "expected": "c"}], "expected_score": 0.5}


@pytest.mark.parametrize(
    "answer",
    [
        f"## Design\n```python\n{FILE}```\n",
        f"Here:\n\n```py\n{FILE}```\nand that is all. Use ``` with care.",
        f"```json\n{json.dumps(PLAN)}\n```\n```python\n{FILE}\n```",
        f"```\n{FILE}```",
        FILE,
        f"First try:\n```python\nclass A:\n    pass\n```\nBetter:\n```python\n{FILE}```",
    ],
)
def test_the_file_is_found_with_fences_inside_it(answer):
    found = code_in(answer)
    assert found is not None
    assert found.strip() == FILE.strip()


@pytest.mark.parametrize(
    "answer", ["", "I can't.", "```json\n{}\n```", "```python\nx = 1\n```", "class act, isn't it?"]
)
def test_no_file_is_no_file(answer):
    assert code_in(answer) is None


def test_a_file_that_is_no_python_is_handed_on_for_repair():
    assert code_in("```python\nclass M(Memory:\n    pass\n```") == "class M(Memory:\n    pass"


@pytest.mark.parametrize(
    "answer", [json.dumps(PLAN), f"## Plan\n```json\n{json.dumps(PLAN)}\n```", f"{{x}} {json.dumps(PLAN)}"]
)
def test_the_plan_is_found(answer):
    plan = plan_in(answer)
    assert (plan.name, plan.expected_score) == ("n", 0.5)
    assert str(plan) == "1. a (why: b; expected: c)"


@pytest.mark.parametrize("answer", ["", "{", '{"changes": 3}', "[]"])
def test_no_plan_is_an_empty_plan(answer):
    assert plan_in(answer).changes == ()


def test_odd_plans_do_no_harm():
    odd = {"changes": ["x", {"what": 1}], "expected_score": True, "name": None}
    assert plan_in(json.dumps(odd)).changes == ({"what": "1", "why": "", "expected": ""},)


def test_parts_and_fences():
    answer = "## Reflection\nso it was\n\n## Text\n```\nline\n```\n"
    assert part_of(answer, "reflection") == "so it was"
    assert fenced(part_of(answer, "Text")) == "line"
    assert part_of(answer, "Plan") == ""
