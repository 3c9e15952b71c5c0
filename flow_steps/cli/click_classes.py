"""Options and commands of click: short printable values only, help in groups, errors in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource

from flow_steps.cli import checks, help_page
from flow_steps.cli.source_of_path import settle_source
from flow_steps.safety import output, secrets
from pricecast.errors import InputError

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
    """A command that reports errors in one line, and whose output cannot fail it.

    Args:
        examples: words that may follow the command's name, shown in its help.
    """

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.context_settings["max_content_width"] = help_page.WIDTH
        self.examples = examples

    def main(self, *args: Any, **more: Any) -> Any:
        """Run as a program."""
        output.prepare()
        return super().main(*args, **more)

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the command line."""
        with plain_errors():
            return super().make_context(*args, **more)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, settle the source of a path, and refuse values that contradict each other."""
        rest = super().parse_args(ctx, args)
        settle_source(ctx)
        if not ctx.resilient_parsing and (problem := checks.problem(ctx.params)):
            raise click.UsageError(problem, ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with plain_errors():
            return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write examples, then the options in groups."""
        help_page.write_examples(self.examples, ctx, formatter)
        help_page.write_options(self, ctx, formatter)


class Group(Command, click.Group):
    """A group of such commands, listed in the order in which they were given."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options, --version among them."""
        return [*super().get_params(ctx), help_page.version_option()]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; a command after a bare switch is no value of that switch."""
        switches = {name for param in self.params if is_switch(param) for name in param.opts}
        following = [*args[1:], ""]
        closed = [
            f"{word}=true" if word in switches and after in self.commands else word
            for word, after in zip(args, following, strict=False)
        ]
        return super().parse_args(ctx, closed)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands first: the options are many."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; refuse options before it, which would be those of the whole pipeline."""
        name, command, rest = super().resolve_command(ctx, args)
        given = [
            param.opts[0] for param in self.params
            if ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        ]  # fmt: skip
        if given:
            raise click.UsageError(f"expected options after the command, got {', '.join(given)} before {name}", ctx)
        return name, command, rest


def is_switch(param: click.Parameter) -> bool:
    """Return whether an option means true where it has no value."""
    return isinstance(param, Option) and param.type is click.BOOL


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn messages of errors into one line without secrets and control characters, of limited length."""
    try:
        yield
    except InputError as error:
        raise click.ClickException(_plain(str(error))) from error
    except click.ClickException as error:
        error.message = _plain(error.message)  # type: ignore[misc]
        raise


def _plain(message: str) -> str:
    return shortened(printable(secrets.masked(message)), _LONGEST_ERROR)


def printable(text: str) -> str:
    """Return the text in one line, with control characters escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shortened(text: str, limit: int) -> str:
    """Return the text, or the beginning and end of one that is too long: the end of a message says what to do."""
    half = limit // 2
    return text if len(text) <= limit else f"{text[:half]} ... {text[-half:]}"
