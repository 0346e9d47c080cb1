"""Tuning of hyperparameters for accuracy and in-situ latency at once."""
