"""Figures as SVG files."""

import io
from functools import lru_cache
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# Text as outlines looks the same everywhere; the fixed salt makes equal figures equal files.
SVG_STYLE = {"svg.fonttype": "path", "svg.hashsalt": "pricecast", "savefig.dpi": 150}


@lru_cache(maxsize=32)
def svg(figure: Figure) -> bytes:
    """Return a figure as SVG; it is drawn once, for the report and for the file beside it."""
    return draw_svg(figure)


def draw_svg(figure: Figure) -> bytes:
    """Draw a figure as SVG, as it is now."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(SVG_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save(figure: Figure | None, path: Path) -> Path | None:
    """Write a figure as SVG; None (see `loss_curves`) writes nothing."""
    if figure is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(svg(figure))
    return path
