"""Figures of a forecasts table: one function each, which returns a matplotlib Figure.

Every figure shows the naive forecast beside the model's, and none of them touches pyplot's global state.
"""

from pricecast.report.plots.calibration import coverage
from pricecast.report.plots.fan import fan_chart, fans
from pricecast.report.plots.files import save, svg
from pricecast.report.plots.folds import skill_by_fold
from pricecast.report.plots.losses import error_by_horizon
from pricecast.report.plots.narrow import narrow_svg
from pricecast.report.plots.residuals import residuals
from pricecast.report.plots.scatter import predicted_vs_actual
from pricecast.report.plots.style import styles
from pricecast.report.plots.training import convergence, loss_curves
from pricecast.report.plots.upcoming import upcoming_chart

__all__ = (
    "convergence", "coverage", "error_by_horizon", "fan_chart", "fans", "loss_curves", "narrow_svg",
    "predicted_vs_actual", "residuals", "save", "skill_by_fold", "styles", "svg", "upcoming_chart",
)  # fmt: skip
