"""Errors a user can cause. Each message names quantity, rule, value and remedy; the command line prints it without a traceback."""


class QAllegroError(Exception):
    """Base of all errors that qallegro raises on purpose."""


class ConfigError(QAllegroError):
    """A configuration key or value is wrong."""


class DataError(QAllegroError):
    """A reference data file, frame or label is wrong."""


class ModelError(QAllegroError):
    """A model file or its hyperparameters are wrong."""


class ExportError(QAllegroError):
    """An exported file could not be written, verified or read."""


class TrainingError(QAllegroError):
    """Training cannot go on."""
