"""Pages out of templates."""

import jinja2
import pytest

from pricecast.report import html


@pytest.fixture
def template(tmp_path):
    (tmp_path / "parts.html.jinja").write_text("{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}")
    file = tmp_path / "page.html.jinja"
    file.write_text('{% import "parts.html.jinja" as parts %}{% if name %}\n{{ parts.bold(name) }}\n{% endif %}\n')
    return file


def test_texts_are_escaped_and_blocks_leave_no_lines(template):
    assert html.render(template, name="<script>") == "<b>&lt;script&gt;</b>\n"


def test_a_value_that_was_not_given_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        html.render(template)
