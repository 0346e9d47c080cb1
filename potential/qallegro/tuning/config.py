"""The configuration of a tuning study, typed and strict. `qallegro.tuning.load_config` reads it from YAML."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from qallegro.data.config import Strict
from qallegro.training.config import parse_duration
from qallegro.tuning.objectives import ObjectiveName, errors
from qallegro.tuning.variables import AnyVariable

SamplerName = Literal["gp", "samo-cobra", "nsga2", "tpe", "random"]

#: option of a sampler -> samplers that have it
OPTION_OF = {
    "startup_trials": ("gp", "samo-cobra", "tpe"),
    "population": ("nsga2",),
    "infill": ("samo-cobra",),
    "batch_size": ("samo-cobra",),
}


class Sampler(Strict):
    """What proposes the next trial."""

    name: SamplerName = Field("samo-cobra", description="what each does, and how they compare: docs/samplers.md")
    startup_trials: int | None = Field(None, ge=1, description="gp, tpe, samo-cobra: trials before it has a model; its own if not given")
    population: int | None = Field(None, ge=2, description="nsga2: size of a generation; 50 if not given")
    infill: Literal["hypervolume", "s_metric"] | None = Field(None, description="samo-cobra: what a proposal maximizes")
    batch_size: int | None = Field(None, ge=1, description="samo-cobra: trials proposed at once")

    @model_validator(mode="after")
    def _options_suit_the_sampler(self) -> "Sampler":
        for option, names in OPTION_OF.items():
            if getattr(self, option) is not None and self.name not in names:
                raise ValueError(f"`{option}` must be given only with sampler {' or '.join(names)}, got it with {self.name}")
        return self


class Constraints(Strict):
    """What a model must keep to be of use; trials that do not are not trained."""

    latency: float | None = Field(None, gt=0.0, description="at most, µs an atom and step")
    parameters: int | None = Field(None, ge=1, description="at most, trainable weights")


class Budget(Strict):
    """How long a trial trains, and when it stops early."""

    epochs: int | None = Field(None, ge=1, description="of every trial; or give `time`")
    time: str | None = Field(None, description='of every trial, such as "2m"; or give `epochs`')
    rungs: list[float] = Field([0.25, 0.5], description="shares of the training after which a trial is compared with the others")
    dominated_by: int = Field(
        3, ge=1, description="a trial stops at a rung where this many others were better there in every objective; see `rungs`"
    )
    memory: int | None = Field(None, ge=1, description="MB; a trial whose processes take more is ended")
    limit: str | None = Field(None, description='a trial that takes longer in all is ended, such as "20m"')

    @field_validator("time", "limit")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @field_validator("rungs")
    @classmethod
    def _rungs_are_shares(cls, value: list[float]) -> list[float]:
        if any(not 0.0 < share < 1.0 for share in value) or sorted(set(value)) != value:
            raise ValueError(f"`rungs` must be shares between 0 and 1, each larger than the one before, got {value}")
        return value

    @model_validator(mode="after")
    def _one_measure(self) -> "Budget":
        if (self.epochs is None) == (self.time is None):
            raise ValueError(f"one of `epochs` and `time` must be given, got {'neither' if self.epochs is None else 'both'}")
        return self


class Latency(Strict):
    """How the latency of a trial's model is measured, before it is trained."""

    structure: str | None = Field(None, description="file that ASE reads; a frame with most species, then atoms, if not given")
    atoms: int = Field(200, ge=1, description="the structure is repeated to about this many")
    program: Literal["lammps", "ase", "raw"] = Field("lammps", description="where it runs; raw: the engine alone, on edges that stay")
    engine: Literal["native", "torchscript"] = Field("native", description="of the runtime")
    threads: int = Field(1, ge=1, description="of a run")
    steps: int = Field(50, ge=1, description="of molecular dynamics in a turn, after a warm-up")
    turns: int = Field(5, ge=1, description="turns of the model, each beside one of the reference model")


class TuningConfig(Strict):
    """A whole study."""

    name: str | None = Field(None, min_length=1, description="of the study in its storage; the folder's name if not given")
    seed: int = Field(0, ge=0, description="of the sampler; trials train with `base.seed`")
    trials: int = Field(30, ge=1, description="of the study in all")
    base: dict[str, Any] = Field(description="a training configuration, or the path of one; what the space does not name is taken from it")
    space: dict[str, AnyVariable] = Field(min_length=1, description="dotted key of the training configuration -> variable")
    objectives: list[ObjectiveName] = Field(["force_mae", "latency"], description="two or three to minimize, an error among them")
    constraints: Constraints = Constraints()
    sampler: Sampler = Sampler()
    budget: Budget
    latency: Latency = Latency()
    reference_point: dict[ObjectiveName, float] | None = Field(
        None,
        description="corner that hypervolumes are measured from, and samo-cobra's aim; the worst trial and a tenth more if not given",
    )
    warm_start: list[str | dict[str, Any]] = Field(
        [], description="points to try first: `front.json` of an earlier study, or tables of variables and values"
    )
    storage: str | None = Field(None, description="URL such as postgresql://user@host/name; `study.db` in the folder if not given")
    heartbeat: str = Field("15s", description="between signs of life of a worker; after four without any its trial is given to another")

    @field_validator("heartbeat")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        if parse_duration(value) < 1.0:
            raise ValueError(f"`heartbeat` must be 1s or longer, got {value!r}")
        return value

    @field_validator("objectives")
    @classmethod
    def _two_or_three(cls, value: list[str]) -> list[str]:
        if not 2 <= len(value) <= 3 or len(set(value)) != len(value):
            raise ValueError(f"`objectives` must be two or three different ones, got {value}")
        if not errors(value):
            raise ValueError(f"`objectives` must hold an error that training can lower (force_mae, energy_mae, stress_mae), got {value}")
        return value

    @model_validator(mode="after")
    def _conditions_name_variables(self) -> "TuningConfig":
        for name, variable in self.space.items():
            for other in variable.when:
                if other not in self.space:
                    raise ValueError(f"`when` of `{name}` must name variables of the space, got {other!r}")
        waiting = dict(self.space)
        while waiting:
            ready = [name for name, variable in waiting.items() if not any(other in waiting for other in variable.when)]
            if not ready:
                raise ValueError(f"`when` must not go round in a circle, it does among {', '.join(waiting)}")
            waiting = {name: variable for name, variable in waiting.items() if name not in ready}
        return self

    @model_validator(mode="after")
    def _reference_point_suits(self) -> "TuningConfig":
        if self.reference_point is not None and set(self.reference_point) != set(self.objectives):
            raise ValueError(f"`reference_point` must have a number for each of {self.objectives}, got {sorted(self.reference_point)}")
        return self

    @property
    def measures_latency(self) -> bool:
        """Whether any objective or constraint needs a run of the model before its training."""
        return bool({"latency", "memory"} & set(self.objectives)) or self.constraints.latency is not None
