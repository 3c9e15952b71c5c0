"""The public calls: bars in, forecasts and judgements out, without MLflow and without files."""
