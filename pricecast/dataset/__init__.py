"""From clean prices to a dataset: features, spans, scalers and the arrays that models take."""
