"""Kinds of option values that are names: of models, families and sources, and lists of names and of addresses."""

from collections.abc import Callable
from typing import Any

import click

from flow_steps.cli.types import Address, text
from pricecast import models
from pricecast.errors import InputError


class Names(click.ParamType):
    """Names separated by commas, without duplicates."""

    name = "names"

    def __init__(self, empty: bool = False) -> None:
        self._empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names in the order given."""
        names = [part.strip() for part in text(value).split(",") if part.strip()]
        if not (names or self._empty):
            self.fail("expected at least one name, got none", param, ctx)
        return tuple(dict.fromkeys(names))


class ModelNames(Names):
    """Names of models and families separated by commas, without duplicates."""

    name = "models"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names in the order given; refuse those that are not known."""
        names = super().convert(value, param, ctx)
        try:
            models.check_words(names)
        except InputError as error:
            self.fail(str(error), param, ctx)
        return names


class Name(click.ParamType):
    """One name out of those that are known."""

    def __init__(self, name: str, check: Callable[[str], None]) -> None:
        self.name, self._check = name, check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; refuse one that is not known."""
        try:
            self._check(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Addresses(Names):
    """Addresses separated by commas, without duplicates."""

    name = "addresses"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the addresses in the order given."""
        return tuple(Address().convert(name, param, ctx) for name in super().convert(value, param, ctx))
