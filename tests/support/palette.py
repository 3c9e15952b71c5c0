"""Pictures as small files: a page or a chart has few colours."""

import io

from PIL import Image


def small(png: bytes, colours: int) -> bytes:
    """The picture with a palette of its own; it looks the same."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(colours, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()
