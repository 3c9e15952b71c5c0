"""The audit on one page: a self-contained HTML file."""

from pathlib import Path

from pricecast.audit.audit import Audit
from pricecast.audit.results import FAILED, NO_MATTER, NOT_TRIED, PASSED
from pricecast.report import html

TEMPLATE = Path(__file__).with_name("audit_page.html.jinja")
# Failures are read first.
_ORDER = (FAILED, NOT_TRIED, PASSED, NO_MATTER)


def render(audit: Audit) -> str:
    """Return the page as HTML without any outside reference; every text in it is escaped."""
    return html.render(TEMPLATE, audit=audit, outcome=audit.outcome(), groups=_groups(audit))


def summary(audit: Audit) -> str:
    """Return the outcome in Markdown: the sentence, and a line for every check that did not pass."""
    lines = [
        f"- {check.name}, {check.about}: {check.result}. {' '.join(check.violations[:1]) or check.tried}"
        for check in audit.checks
        if check.result in (FAILED, NOT_TRIED)
    ]
    return "\n".join([f"{audit.sentence}.", "", *lines]).rstrip() + "\n"


def _groups(audit: Audit) -> list[tuple[str, list]]:
    """Return the checks by what they were tried on, in the order of the audit."""
    names = dict.fromkeys(check.about for check in audit.checks)
    return [
        (name, sorted((c for c in audit.checks if c.about == name), key=lambda c: _ORDER.index(c.result)))
        for name in names
    ]
