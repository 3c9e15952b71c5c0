"""Files of skops as `pricecast.dataset.skops_file` numbers the objects in them."""

import io
import re
import zipfile
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator

from pricecast.dataset import skops_file


def canonical(estimator: BaseEstimator) -> bytes:
    """File as skops writes it, its objects numbered in reading order instead of by memory address."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as source:
        content = {name: source.read(name) for name in source.namelist()}
    schema = content.pop(skops_file.SCHEMA).decode("utf-8")
    order: dict[str, str] = {}
    pattern = re.compile(r'(?<="__id__": )\d+|(?<="file": ")\d+')
    schema = pattern.sub(lambda found: order.setdefault(found[0], str(len(order) + 1)), schema)
    renamed = {f"{order[Path(name).stem]}{Path(name).suffix}": data for name, data in content.items()}
    return skops_file.to_archive({**renamed, skops_file.SCHEMA: schema.encode("utf-8")})
