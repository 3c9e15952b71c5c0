"""Options and commands of click that take short printable values only, and report errors in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from flow_steps.cli.source_of_path import settle_source
from flow_steps.safety import output, secrets

# MLflow cuts longer parameters without a word.
LONGEST_VALUE = 6000
_LONGEST_ERROR = 1000
# What Python accepts beyond it ("1_000", "nan", digits of other scripts) is rather a slip.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Option(click.Option):
    """An option whose value can be stored, shown and logged as it is."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Refuse a value that no option takes, then convert it."""
        if isinstance(value, str) and (reason := self._refusal(value)):
            raise click.BadParameter(reason, ctx, self)
        return super().type_cast_value(ctx, value)

    def _refusal(self, value: str) -> str | None:
        if len(value) > LONGEST_VALUE:
            return f"expected at most {LONGEST_VALUE} characters, got {len(value)}: shorten it"
        if odd := next((char for char in value if not char.isprintable()), None):
            return f"expected printable characters, got {odd!a} at position {value.index(odd) + 1}: take it out"
        if value != str(self.default) and (name := secrets.variable_of(value)):
            return (
                f"expected no secret, got that of {name}: secrets come from the environment, never from parameters"
            )
        if isinstance(self.type, click.IntRange | click.FloatRange) and not _NUMBER.fullmatch(value.strip()):
            return f"expected a number, got {shortened(repr(value), 60)}: write digits 0-9"
        if self.type is click.BOOL and not value.strip():
            return "expected true or false, got nothing: say which"
        return None


class Command(click.Command):
    """A command that reports errors in one line, and whose output cannot fail it."""

    def main(self, *args: Any, **more: Any) -> Any:
        """Run as a program."""
        output.prepare()
        return super().main(*args, **more)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the command line."""
        with plain_errors():
            return super().make_context(*args, **more)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, and settle the source where a path is given."""
        rest = super().parse_args(ctx, args)
        settle_source(ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with plain_errors():
            return super().invoke(ctx)


class Group(Command, click.Group):
    """A group of such commands, listed in the order in which they were given."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn messages of errors into one line without secrets and control characters, of limited length."""
    try:
        yield
    except click.ClickException as error:
        error.message = shortened(printable(secrets.masked(error.message)), _LONGEST_ERROR)  # type: ignore[misc]
        raise


def printable(text: str) -> str:
    """Return the text in one line, with control characters escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str, limit: int) -> str:
    """Return the text, or the beginning and end of one that is too long: the end of a message says what to do."""
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"
