"""HTML pages from templates that lie beside the module that renders them."""

from pathlib import Path
from typing import Any

import jinja2


def render(template: Path, **values: Any) -> str:
    """Return the page of a template without any outside reference; every text in it is escaped.

    Args:
        template: file of the template; templates that it imports lie in the same folder.
        values: values by the names that the template has for them.

    Raises:
        jinja2.UndefinedError: the template asks for a value that was not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template.name).render(**values)
