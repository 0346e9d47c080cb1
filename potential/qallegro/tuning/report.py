"""Everything that can be shown of studies, in one folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qallegro.errors import ConfigError
from qallegro.tuning import plots
from qallegro.tuning.front import front_record, results
from qallegro.tuning.importance import importances
from qallegro.tuning.page import page
from qallegro.tuning.study import TuningStudy
from qallegro.whole_file import write_text


def write_report(opened: Sequence[TuningStudy], folder: Path, command: str) -> list[Path]:
    """Write `front.json` (one a study), plots and `report.html`.

    Args:
        opened: studies with the same objectives; several are compared, and taken as repetitions for the attainment.
        folder: to write to.
        command: that this is made by.

    Returns:
        the files.

    Raises:
        ConfigError: objectives differ, names are the same, nothing was trained to the end, or the folder cannot be written to.
    """
    if any(study.config.objectives != opened[0].config.objectives for study in opened):
        raise ConfigError(f"studies of one report must have the same objectives, got {[list(s.config.objectives) for s in opened]}")
    labels = [study.name for study in opened]
    if len(set(labels)) != len(labels):
        labels = [str(study.folder) for study in opened]
    if len(set(labels)) != len(labels):
        raise ConfigError(f"studies of one report must differ, got {', '.join(labels)}")
    records = {label: front_record(study, command) for label, study in zip(labels, opened, strict=True)}
    studies = {label: results(s.config, s.study.get_trials(deepcopy=False)) for label, s in zip(labels, opened, strict=True)}
    # Hypervolumes can be compared from one corner alone: the worst of all.
    corner = np.max([found.reference_point for found in studies.values()], axis=0)
    studies = {label: found._replace(reference_point=corner) for label, found in studies.items()}
    shares = importances(next(iter(studies.values())))
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, record in enumerate(records.values()):
            written.append(folder / ("front.json" if len(records) == 1 else f"front_{number}.json"))
            write_text(written[-1], json.dumps(record, indent=1, allow_nan=False) + "\n")
        for name, draw in (("trade_off.png", plots.plot_trade_off), ("hypervolume.png", plots.plot_hypervolume)):
            written.append(folder / name)
            draw(studies, written[-1])
        if shares:
            written.append(folder / "importance.png")
            plots.plot_importance(shares, written[-1])
        if len(studies) > 1:
            written.append(folder / "attainment.png")
            plots.plot_attainment(list(studies.values()), written[-1])
        written.append(folder / "report.html")
        write_text(written[-1], page(records, studies, shares))
    except OSError as error:
        raise ConfigError(f"`--output` must be a folder that can be written to, got `{folder}`: {error.strerror}") from error
    return written
