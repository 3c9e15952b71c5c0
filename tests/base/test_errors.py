"""The message of a user's mistake is one line of a bounded length, whatever it quotes."""

import pytest

from pricecast.errors import InputError


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x1b", "\u202e", "\u2028", "\0"])
def test_what_could_break_the_line_becomes_a_blank(character):
    assert str(InputError(f"expected this,{character}got that")) == "expected this, got that"


def test_a_long_message_keeps_its_beginning_and_its_end():
    message = str(InputError(f"expected a name, got {'x' * 10_000}: choose a shorter one"))
    assert len(message) <= 600
    assert message.startswith("expected a name, got xxx")
    assert message.endswith("xxx: choose a shorter one")
