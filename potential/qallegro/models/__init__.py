"""Trained models that come with the package: weights, record and card of each in a folder of its name."""
