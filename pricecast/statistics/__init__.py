"""Statistics on arrays: conformal quantiles, densities, tests and confidence sets."""
