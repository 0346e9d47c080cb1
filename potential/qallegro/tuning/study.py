"""A study in its storage: started from a configuration, joined by workers, read for its results."""

import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.study import Study, StudyDirection

from qallegro.errors import ConfigError, DataError, TrainingError
from qallegro.training.load_config import check_config
from qallegro.training.provenance import git_commit, versions
from qallegro.tuning import storage as kept
from qallegro.tuning.child import run_child
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.identity import check_identity, code_hash, data_hashes
from qallegro.tuning.load_config import check_tuning
from qallegro.tuning.samplers import SeededByTrial, quiet
from qallegro.tuning.space import check_point, middle, training_content
from qallegro.whole_file import write_text

FORMAT, VERSION = "qallegro-tuning", 1
#: user attribute of a study that holds what workers must know
ABOUT = "qallegro"
STUDY_FILE = "study.json"
#: keys that may change when a study goes on
MAY_CHANGE = ("trials", "heartbeat", "reference_point", "storage", "name")


class TuningStudy(NamedTuple):
    """A study that is open."""

    study: Study
    config: TuningConfig
    about: dict[str, Any]  #: resolved configuration, hashes of code and data, structure and reference latency
    folder: Path  #: for files of trials
    url: str
    heartbeat: str

    @property
    def name(self) -> str:
        """In the storage."""
        return self.study.study_name


def start_or_resume(config: TuningConfig, folder: Path) -> tuple[TuningStudy, bool]:
    """The study of a folder; a new one if there is none yet.

    Args:
        config: of the study.
        folder: for its database (or the note where that is) and files.

    Returns:
        the study, and whether it was there before.

    Raises:
        ConfigError: the study there has another configuration or was made with other code; the storage cannot be reached.
        DataError: data that the study was started with has changed.
    """
    _make_folder(folder)
    # A study goes on in the database it was started in.
    before = _note(folder) if (folder / STUDY_FILE).is_file() else {}
    elsewhere = config.storage or before.get("storage")
    url = elsewhere or kept.sqlite_url(folder)
    name = config.name or before.get("name") or folder.resolve().name
    storage = kept.open_storage(url, config.heartbeat)
    there = name in {summary.study_name for summary in optuna.get_all_study_summaries(storage, include_best_trial=False)}
    about = optuna.load_study(study_name=name, storage=storage).user_attrs.get(ABOUT) if there else None
    if about is not None:
        _check_same(about["config"], config, folder)
        opened = _opened(storage, name, url, folder, config, about)
        _check_worker(opened, None)
    else:
        about = _prepare(config, folder)
        quiet()
        try:
            study = optuna.create_study(
                study_name=name, storage=storage, directions=[StudyDirection.MINIMIZE] * len(config.objectives), load_if_exists=True
            )
        except (DuplicatedStudyError, ValueError) as error:
            raise ConfigError(f"storage {kept.shown(url)} has a study `{name}` that is not ours: {error}; give another `name`") from error
        study.set_metric_names(list(config.objectives))
        for values in _first_points(config):
            study.enqueue_trial(values, skip_if_exists=True)
        study.set_user_attr(ABOUT, about)
        opened = _opened(storage, name, url, folder, config, about)
    note = {"format": FORMAT, "format_version": VERSION, "name": name}
    # A folder that moves takes its own database along; a URL stays what it is.
    note |= {} if elsewhere is None else {"storage": kept.without_password(url)}
    write_text(folder / STUDY_FILE, json.dumps(note, indent=2) + "\n")
    return opened, there


def join(where: str, name: str | None, folder: Path | None, data_root: Path | None) -> TuningStudy:
    """A study as another worker sees it: everything comes from the storage.

    Args:
        where: URL, or folder of the study.
        name: of the study, if the storage has several.
        folder: for files of this worker's trials; the study's own if that is on this machine and none is given.
        data_root: folder of the reference data, if it lies elsewhere here.

    Raises:
        ConfigError: no such study, or other code.
        DataError: other data.
    """
    opened = open_study(where, name)
    if folder is None:
        folder = opened.folder if opened.folder.is_dir() else Path(opened.name)
    _make_folder(folder)
    if data_root is not None:
        base = dict(opened.config.base)
        base["data"] = {**base["data"], "root": str(data_root.resolve())}
        opened = opened._replace(config=opened.config.model_copy(update={"base": base}))
    opened = opened._replace(folder=folder)
    _check_worker(opened, data_root)
    return opened


def open_study(where: str, name: str | None = None) -> TuningStudy:
    """A study for its results.

    Args:
        where: URL, or folder.
        name: of the study, if the storage has several.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(where)
    if "://" in where:
        url = where
    else:
        note = _note(folder)
        url, name = note.get("storage") or kept.sqlite_url(folder), name or note["name"]
    if kept.parse_url(url).get_backend_name() == "sqlite" and not Path(kept.parse_url(url).database or "").is_file():
        raise ConfigError(f"study must be a folder or URL of `qallegro tune`, got `{where}` without a database")
    storage = kept.open_storage(url)
    name = kept.study_name(storage, name, f"`{kept.shown(url) if '://' in where else where}`")
    about = optuna.load_study(study_name=name, storage=storage).user_attrs.get(ABOUT)
    if about is None or about.get("format") != FORMAT:
        raise ConfigError(f"study must have been started with `qallegro tune CONFIG`, `{name}` has not")
    if about["format_version"] != VERSION:
        raise ConfigError(f"`format_version` of study `{name}` must be {VERSION}, got {about['format_version']}; use the release it is of")
    config = check_tuning(about["config"], name)
    # The first opening was to find the name; signs of life are as the study has them.
    storage = kept.open_storage(url, config.heartbeat)
    return _opened(storage, name, url, folder if "://" not in where else Path(about["folder"]), config, about)


def _opened(storage: Any, name: str, url: str, folder: Path, config: TuningConfig, about: dict[str, Any]) -> TuningStudy:
    quiet()
    corner = None if config.reference_point is None else [config.reference_point[name] for name in config.objectives]
    sampler = SeededByTrial(config.sampler, config.seed, len(config.space), corner)
    study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
    return TuningStudy(study, config, about, folder, url, config.heartbeat)


def _make_folder(folder: Path) -> None:
    try:
        (folder / "trials").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"folder of the study must be one that can be written to, got `{folder}`: {error.strerror}") from error


def _note(folder: Path) -> dict[str, Any]:
    try:
        note = json.loads((folder / STUDY_FILE).read_text())
    except OSError as error:
        raise ConfigError(f"study must be a folder of `qallegro tune` or a URL, got `{folder}`: no {STUDY_FILE} in it") from error
    except ValueError as error:
        raise ConfigError(f"`{folder / STUDY_FILE}` must be JSON, it is not: {error}") from error
    if note.get("format") != FORMAT:
        raise ConfigError(f"`{folder / STUDY_FILE}` must be of `qallegro tune`, its format is {note.get('format')!r}")
    return note


def _check_same(before: dict[str, Any], config: TuningConfig, folder: Path) -> None:
    now = config.model_dump(mode="json")
    for key in now:
        if key not in MAY_CHANGE and now[key] != before.get(key):
            raise ConfigError(
                f"a study must go on with its own configuration, `{key}` is not what `{folder}` was started with; only "
                f"{', '.join(MAY_CHANGE)} may change; start a new study with -o"
            )


def _check_worker(opened: TuningStudy, data_root: Path | None) -> None:
    values = middle(opened.config.space)
    run = check_config(training_content(opened.config.base, values, opened.config.budget), opened.name)
    check_identity(opened.about, code_hash(), data_hashes(run), opened.name)


def _prepare(config: TuningConfig, folder: Path) -> dict[str, Any]:
    """Read the data once, pick the structure that models are timed on, and time the reference model."""
    # Starting a study needs torch; joining one and reading its results do not.
    from qallegro.data.reference_data import CutoffTable, load_reference_data
    from qallegro.training.run import resolve_model

    content = training_content(config.base, middle(config.space), config.budget)
    run = check_config(content, "the middle of `space`")
    data = load_reference_data(
        run.data, CutoffTable(run.model["r_max"], run.model.get("per_edge_type_cutoff")), run.model.get("atom_types")
    )
    model = resolve_model(run, data).model_dump(mode="json")
    for name, label in (("force_mae", "forces"), ("stress_mae", "stress")):
        if name in config.objectives and label not in data.quantities:
            raise DataError(f"objective `{name}` must have labels in the data, there are no {label}; choose another in `objectives`")
    about: dict[str, Any] = {
        "format": FORMAT,
        "format_version": VERSION,
        "config": config.model_dump(mode="json"),
        "code": code_hash(),
        "git_commit": git_commit(),
        "versions": versions(),
        "data": data_hashes(run),
        "species": {key: model[key] for key in ("atom_types", "avg_num_neighbors", "per_type_energy_scales", "per_type_energy_shifts")},
        "structure": max(data.sample_frames, key=lambda frame: (len(set(frame["symbols"])), len(frame["symbols"]))),
        "reference_model": content["model"],
        "reference_latency": None,
        "folder": str(folder.resolve()),
        "host": socket.gethostname(),
    }
    if config.measures_latency:
        answer = run_child(reference_request(about, config, folder), lambda stage: None, lambda: None)
        if answer["outcome"] != "measured":
            raise TrainingError(f"the reference model (the middle of the space) must run to be timed, it did not: {answer['reason']}")
        about["reference_latency"] = answer["latency"]
    return about


def reference_request(about: dict[str, Any], config: TuningConfig, folder: Path) -> dict[str, Any]:
    """What a process needs to know of the reference model; a trial's request holds it too."""
    return {
        "do": "reference",
        "species": about["species"],
        "structure": about["structure"],
        "reference_model": about["reference_model"],
        "reference": str((folder / "reference.qallegro.pth").resolve()),
        "latency": config.latency.model_dump(mode="json"),
    }


def _first_points(config: TuningConfig) -> list[dict[str, Any]]:
    """Points of earlier studies that lie in this space, and those given by value."""
    points: list[dict[str, Any]] = []
    for entry in config.warm_start:
        if isinstance(entry, dict):
            found, where = [entry], "`warm_start`"
        else:
            found, where = _points_of(Path(entry)), f"`{entry}`"
        for values in found:
            reason = check_point(config.space, values)
            if reason is None and values not in points:
                points.append(values)
            elif reason is not None and isinstance(entry, dict):
                raise ConfigError(f"points of `warm_start` must lie in `space`, got {values} in {where}: {reason}")
    return points


def _points_of(path: Path) -> list[dict[str, Any]]:
    try:
        return [dict(model["parameters"]) for model in json.loads(path.read_text())["models"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"`warm_start` must name files written by `qallegro tune front`, got `{path}`: {error}") from error
