"""Faults of the environment: told in one line before any work, or nothing to a command that can do without."""

import pytest

from tests.support import environment_faults
from tests.support.stress import apart


@pytest.mark.slow
def test_a_fault_of_each_kind_is_told_in_one_line():
    count = apart("environment", "few")
    assert (count.tried, count.bad) == (6, [])


@pytest.mark.slow
def test_every_fault_is_told_in_one_line():
    count = apart("environment")
    assert (count.tried, count.bad) == (len(environment_faults.FAULTS) + 9, [])
    assert count.tried > 40
