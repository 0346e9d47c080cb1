"""Where studies are kept: SQLite in the study's folder, or a database by URL.

Workers leave signs of life with their trials. A trial whose worker has gone silent is marked as failed and put up again, so that a kill
costs the time that the trial had taken and nothing else. Optuna's journal files have no such signs; that is why SQLite is the default.
"""

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from qallegro.errors import ConfigError
from qallegro.training.config import parse_duration

T = TypeVar("T")

#: heartbeats without which a worker is taken for dead
SILENT = 4
#: how often the trial of a dead worker is put up again: one that kills its machine must come to an end
MAX_RETRIES = 3
#: s, how long a lost database is waited for
PATIENCE = 600.0
DATABASE = "study.db"
#: errors that a database out of reach, or locked, gives
LOST = (StorageInternalError, SQLAlchemyError)


def sqlite_url(folder: Path) -> str:
    """Of the study kept in a folder."""
    return f"sqlite:///{(folder / DATABASE).resolve()}"


def parse_url(url: str) -> URL:
    """A URL with the driver that we install for it.

    Raises:
        ConfigError: it is none, or of another kind of database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"storage must be a URL such as postgresql://user@host/name or sqlite:///path, got {url!r}") from error
    kind = parsed.get_backend_name()
    if kind == "postgres":
        kind = "postgresql"
    if kind not in ("sqlite", "postgresql", "mysql"):
        raise ConfigError(f"storage must be a sqlite, postgresql or mysql database, got {parsed.render_as_string()!r}")
    return parsed.set(drivername="postgresql+psycopg") if kind == "postgresql" and "+" not in parsed.drivername else parsed


def shown(url: str) -> str:
    """A URL without its password."""
    return parse_url(url).render_as_string(hide_password=True)


def without_password(url: str) -> str:
    """A URL to be kept in files: passwords come from the environment (PGPASSWORD) or from ~/.pgpass."""
    return parse_url(url).set(password=None).render_as_string(hide_password=False)


def open_storage(url: str, heartbeat: str = "15s") -> RDBStorage:
    """The database at a URL.

    Args:
        url: of SQLAlchemy.
        heartbeat: duration between signs of life.

    Raises:
        ConfigError: no such database, or no driver for it.
    """
    parsed = parse_url(url)
    interval = max(round(parse_duration(heartbeat)), 1)
    # A worker writes a few numbers a minute, but a study may have many: they wait for their turn.
    arguments = {"timeout": 60} if parsed.get_backend_name() == "sqlite" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return RDBStorage(
                parsed.render_as_string(hide_password=False),
                engine_kwargs={"connect_args": arguments, "pool_pre_ping": True},
                heartbeat_interval=interval,
                grace_period=SILENT * interval,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MAX_RETRIES),
            )
    except (ModuleNotFoundError, ImportError, NoSuchModuleError) as error:
        raise ConfigError(
            f"storage {shown(url)} needs a driver that is not installed ({error}); for PostgreSQL run `pip install 'qallegro[postgres]'`"
        ) from error
    except (*LOST, sqlalchemy.exc.DBAPIError, RuntimeError) as error:
        reason = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()[0]
        raise ConfigError(f"storage must be a database that can be reached, got {shown(url)}: {reason}") from error


def study_name(storage: RDBStorage, wanted: str | None, where: str) -> str:
    """The study of a storage: the one of that name, or the only one.

    Raises:
        ConfigError: there is none, or several.
    """
    names = [summary.study_name for summary in optuna.get_all_study_summaries(storage, include_best_trial=False)]
    if wanted is not None:
        if wanted not in names:
            raise ConfigError(f"`--study` must name a study of {where}, got {wanted!r}; it has {', '.join(names) or 'none'}")
        return wanted
    if len(names) != 1:
        rule = "must be named with `--study`" if names else "must have been started with `qallegro tune CONFIG`"
        raise ConfigError(f"the study {rule}, {where} has {', '.join(names) or 'none'}")
    return names[0]


def put_up_lost_trials(study: Study) -> None:
    """Trials whose worker has gone silent are marked as failed and put up again.

    Args:
        study: of a storage by `open_storage`.
    """
    storage = study._storage
    with getattr(storage, "_backend", storage).engine.connect() as connection:
        alive = set(connection.execute(sqlalchemy.text("SELECT trial_id FROM trial_heartbeats")).scalars())
    # A worker that is lost between taking a trial and its first sign of life leaves one that Optuna would wait for for ever. It gets a sign
    # from here; if no other follows, its worker is silent as any other.
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if trial._trial_id not in alive:
            storage.record_heartbeat(trial._trial_id)
    fail_stale_trials(study)


def patiently(call: Callable[[], T], patience: float = PATIENCE) -> T:
    """A call to the storage, repeated while the database cannot be reached.

    Raises:
        ConfigError: it could not be reached for too long.
    """
    end, pause = time.monotonic() + patience, 0.5
    while True:
        try:
            return call()
        except LOST as error:
            if time.monotonic() + pause > end:
                reason = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()[0]
                raise ConfigError(
                    f"the study's database must be within reach, it was not for {patience:.0f} s: {reason}; start it and resume"
                ) from error
            time.sleep(pause)
            pause = min(2 * pause, 10.0)
