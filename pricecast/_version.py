"""The version of pricecast, which pyproject.toml reads; a file of its own, so that a new one reruns no step."""

__version__ = "0.1.0"
