"""The check that a model looks back no further than its dataset's context."""

from pricecast.errors import InputError


def check_days(name: str, days: int, longest: int) -> None:
    """Refuse a parameter in days that is below one, or longer than the context that a dataset was made with.

    Args:
        name: of the parameter.
        days: its value.
        longest: the dataset's context, in trading days.

    Raises:
        InputError: the parameter is out of range.
    """
    if not 1 <= days <= longest:
        raise InputError(f"expected a {name} of 1 to {longest}, got {days}: transform with a longer --max-lookback")
