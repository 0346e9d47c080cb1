"""From a YAML file to a checked tuning configuration."""

from pathlib import Path
from typing import Any

import pydantic

from qallegro.errors import ConfigError
from qallegro.training import presets as training_presets
from qallegro.training.load_config import apply_override, explain, read_content, with_overrides
from qallegro.training.strict_yaml import read_table
from qallegro.tuning.config import TuningConfig
from qallegro.tuning.presets import load_preset, merged
from qallegro.tuning.space import check_space


def load_tuning(path: str | Path, overrides: list[str] | None = None) -> TuningConfig:
    """The tuning configuration in `path`, checked as a whole, every point of its space included.

    Args:
        path: YAML file. `preset` names one of `presets/` that holds where the file says nothing, `base_preset` one of training. Paths
            of data start from `base.data.root`, or else from the folder of the file that names them; other paths from this file's folder.
        overrides: words such as `trials=10` or `base.data.root=/data`.

    Raises:
        ConfigError: names every wrong key or value with its rule.
    """
    path = Path(path)
    content = read_table(path, "tuning configuration")
    for word in overrides or []:
        apply_override(content, word)
    preset, base_preset = content.pop("preset", None), content.pop("base_preset", None)
    lower = {} if preset is None else load_preset(preset)
    base = content.get("base")
    if isinstance(base, str):
        content["base"] = read_content(path.parent / base)
    elif isinstance(base, dict):
        roots = [word.removeprefix("base.") for word in overrides or [] if word.startswith("base.data.root=")]
        content["base"] = with_overrides(base, roots, path.parent)
    content = merged(lower, content)
    if isinstance(content.get("base"), dict):
        content["base"] = training_presets.below(base_preset, content["base"])
    for section in ("latency",):
        table = content.get(section)
        if isinstance(table, dict) and isinstance(table.get("structure"), str):
            content[section] = {**table, "structure": str((path.parent / table["structure"]).resolve())}
    if isinstance(content.get("warm_start"), list):
        content["warm_start"] = [str((path.parent / w).resolve()) if isinstance(w, str) else w for w in content["warm_start"]]
    return check_tuning(content, str(path))


def check_tuning(content: dict[str, Any], where: str) -> TuningConfig:
    """Validate nested tables.

    Raises:
        ConfigError: lists every error.
    """
    try:
        config = TuningConfig.model_validate(content)
    except pydantic.ValidationError as error:
        lines = [line.replace(".categorical`", "`").replace(".categorical.", ".") for line in explain(error, TuningConfig, ())]
        raise ConfigError(f"tuning configuration `{where}` has errors:\n" + "\n".join(f"  {line}" for line in lines)) from error
    check_space(config, where)
    return config
