"""Statistics on plain arrays: conformal quantiles, densities, tests and confidence sets."""
