"""Designs that name tasks or data sets are refused, with the line; ordinary words are not."""

import pytest

from alma.learning.leaks import find_leak
from alma.testing.toy import ToyDomain


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('x = "train/blue/coin/0"', "line 2: names a task or level"),
        ('x = "see train/blue/coin/0 there"', "line 2: names a task or level"),
        ('x = {"valid_unseen": 1}', "line 2: names 'valid_unseen'"),
    ],
)
def test_a_leak_is_told_with_its_line(line, told):
    assert find_leak(f'"""A file."""\n{line}\n', ToyDomain()).startswith(told)


@pytest.mark.parametrize("line", ['"""About train/blue/coin/0."""', "x = 'blue'", "x = 'open box'", "x = 3"])
def test_ordinary_texts_and_docstrings_pass(line):
    assert find_leak(line, ToyDomain()) == ""
