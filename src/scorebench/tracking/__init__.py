"""Finished results in MLflow, by one writer."""
