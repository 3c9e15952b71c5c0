"""Judging forecasts beside naive: scores, tests, coverage, ranking, trading and the verdict."""
