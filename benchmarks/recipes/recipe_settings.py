"""What is compared: data sets, and recipes that each change one thing of the preset `quick`."""

import copy
from typing import Any, NamedTuple

from qallegro.training.presets import load_preset


class DataSet(NamedTuple):
    """Frames, and what the preset is changed by for them."""

    title: str
    data: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]

    @property
    def files(self) -> list[str]:
        """Names of the data files."""
        return [name for key in ("train", "test") for name in self.data[key]]


class Recipe(NamedTuple):
    """One change of the configuration."""

    axis: str  #: what it varies
    label: str
    changes: dict[str, Any]  #: dotted keys


DATA_SETS: dict[str, DataSet] = {
    "aspirin": DataSet(
        title="rMD17 aspirin",
        data={
            "train": ["rmd17_aspirin_train_01.xyz.gz"],
            "test": ["rmd17_aspirin_test_01.xyz.gz"],
            "split": {"train": 950, "validation": 50},
        },
        model={},
        training={},
    ),
    "cu_li": DataSet(
        title="Cu + Li (mlearn, PBE)",
        data={
            "train": ["cu_mlearn_train.xyz.gz", "li_mlearn_train.xyz.gz"],
            "test": ["cu_mlearn_test.xyz.gz", "li_mlearn_test.xyz.gz"],
            "split": {"validation": 0.08},
            "energy_scale": "forces_rms_per_type",
            "avg_num_neighbors": "per_type",
        },
        model={},
        # These frames hold some hundred atoms: in three minutes five of them at a time would leave few steps.
        training={"batch_size": 2},
    ),
}

#: eV an atom and eV/Å: where the wide Huber loss turns linear
WIDE = {"energy": 0.05, "forces": 0.05, "stress": 0.05}
#: the preset as it is
BASE = "base"
RECIPES: dict[str, Recipe] = {
    BASE: Recipe("base", "preset quick", {}),
    "batch_1": Recipe("batch size", "1", {"training.batch_size": 1}),
    "batch_2": Recipe("batch size", "2", {"training.batch_size": 2}),
    "batch_5": Recipe("batch size", "5", {"training.batch_size": 5}),
    "batch_10": Recipe("batch size", "10", {"training.batch_size": 10}),
    "rate_half": Recipe("learning rate", "0.015", {"training.optimizer.learning_rate": 0.015}),
    "rate_quarter": Recipe("learning rate", "0.0075", {"training.optimizer.learning_rate": 0.0075}),
    "rate_double": Recipe("learning rate", "0.06", {"training.optimizer.learning_rate": 0.06}),
    "ema_off": Recipe("average of weights", "none", {"training.ema.decay": 0.0}),
    "ema_99": Recipe("average of weights", "0.99", {"training.ema.decay": 0.99}),
    "ema_9999": Recipe("average of weights", "0.9999", {"training.ema.decay": 0.9999}),
    "constant": Recipe("schedule", "constant", {"training.schedule.kind": "constant"}),
    "plateau": Recipe("schedule", "plateau", {"training.schedule.kind": "plateau", "training.schedule.patience": 5}),
    "restarts": Recipe(
        "schedule", "cosine, 3 cycles, each twice as long", {"training.schedule.cycles": 3, "training.schedule.cycle_growth": 2.0}
    ),
    "energy_10": Recipe("loss weights", "energy 10", {"training.loss.energy": 10.0}),
    "energy_100": Recipe("loss weights", "energy 100", {"training.loss.energy": 100.0}),
    "energy_to_10": Recipe(
        "loss weights", "energy 1 to 10, second half", {"training.loss.final.energy": 10.0, "training.loss.between": [0.5, 0.9]}
    ),
    "energy_to_100": Recipe(
        "loss weights",
        "energy 1 to 100, geometric, second half",
        {"training.loss.final.energy": 100.0, "training.loss.course": "geometric", "training.loss.between": [0.5, 0.9]},
    ),
    "huber": Recipe("loss function", "Huber, beyond 10 meV/Å and meV/atom", {"training.loss.function": "huber"}),
    "huber_wide": Recipe(
        "loss function",
        "Huber, beyond 50",
        {"training.loss.function": "huber", "training.loss.huber_delta": WIDE},
    ),
    "adamw": Recipe("optimizer", "AdamW, rate 0.02", {"training.optimizer.kind": "adamw", "training.optimizer.learning_rate": 0.02}),
    "adamw_fast": Recipe("optimizer", "AdamW, rate 0.04", {"training.optimizer.kind": "adamw", "training.optimizer.learning_rate": 0.04}),
    "schedule_free": Recipe(
        "optimizer",
        "schedule-free AdamW, rate 0.02",
        {"training.optimizer": {"kind": "schedule_free", "learning_rate": 0.02}, "training.schedule.kind": "constant"},
    ),
    "no_clip": Recipe("gradient clip", "none", {"training.gradient_clip": None}),
    "l_max_2": Recipe("model", "l_max 2", {"model.l_max": 2}),
    "channels_16": Recipe("model", "16 tensor features", {"model.num_tensor_features": 16}),
    "channels_32": Recipe("model", "32 tensor features", {"model.num_tensor_features": 32}),
    "layers_1": Recipe("model", "1 layer", {"model.num_layers": 1}),
    "layers_3": Recipe("model", "3 layers", {"model.num_layers": 3}),
    "scalars_128": Recipe("model", "128 scalar features", {"model.num_scalar_features": 128}),
    "r_max_7": Recipe("model", "r_max 7 Å", {"model.r_max": 7.0}),
}


def configuration(data_set: str, recipe: str, seed: int, root: str, seconds: float) -> dict[str, Any]:
    """A whole configuration; the seed deals out the frames, draws the first weights and orders the frames, alike in all recipes."""
    chosen, preset = DATA_SETS[data_set], load_preset("quick")
    training = copy.deepcopy(preset.training) | chosen.training
    # Few epochs fit into some minutes, and the last validation counts: one at the end of each is cheap beside them.
    training |= {"max_time": f"{seconds:g}s", "validate_every": 1, "checkpoint_every_steps": 100}
    content = {
        "seed": seed,
        "data": preset.data | chosen.data | {"root": root, "split": chosen.data["split"] | {"seed": seed}},
        "model": copy.deepcopy(preset.model) | chosen.model,
        "training": training,
        "trainer": {"accelerator": "cpu", "progress": "none", "plots": False},
    }
    for key, value in RECIPES[recipe].changes.items():
        *sections, name = key.split(".")
        here = content
        for section in sections:
            here = here.setdefault(section, {})
        here[name] = value
    return content
