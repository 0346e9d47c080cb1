"""The configuration of a training run, typed and strict. `qallegro.training.load_config` reads it from YAML."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from qallegro.data.config import DataConfig, Strict
from qallegro.native.names import EngineName


def _is_weight(value: float | str) -> float | str:
    if isinstance(value, float) and not value >= 0.0:
        raise ValueError(f"must be 0 or larger, or auto, got {value}")
    return value


Weight = Annotated[float | Literal["auto"], AfterValidator(_is_weight)]


class HuberDelta(Strict):
    """Errors beyond delta count linearly, per quantity."""

    energy: float = Field(0.01, gt=0.0, description="eV an atom")
    forces: float = Field(0.01, gt=0.0, description="eV/Å")
    stress: float = Field(0.01, gt=0.0, description="eV an atom (see `Loss`)")


class FinalWeights(Strict):
    """Weights that the loss ends with."""

    energy: float | None = Field(None, ge=0.0, description="as at the start if not given")
    forces: float | None = Field(None, ge=0.0, description="as at the start if not given")
    stress: float | None = Field(None, ge=0.0, description="as at the start if not given")


class Loss(Strict):
    """loss = sum over quantities of weight x mean squared (or Huber) error.

    Energies count per atom (eV), forces per component (eV/Å), stress as stress x volume / atoms (eV), so that neither the number of
    atoms nor vacuum in a cell changes what a weight means. `auto` is 1 where the training set has the label, else 0.
    With `final` the weights move over the run; validation uses those of the end throughout, so that epochs can be compared.
    """

    energy: float = Field(1.0, ge=0.0, description="weight of the energy per atom, eV")
    forces: Weight = Field("auto", description="weight of force components, eV/Å")
    stress: Weight = Field("auto", description="weight of stress x volume / atoms, eV")
    final: FinalWeights = FinalWeights()
    course: Literal["linear", "geometric"] = Field("linear", description="how weights go from their first to their final values")
    between: list[float] = Field([0.0, 1.0], min_length=2, max_length=2, description="shares of the run between which they move")
    function: Literal["mse", "huber"] = Field("mse", description="mean square, or square up to `huber_delta` and linear beyond")
    huber_delta: HuberDelta = HuberDelta()

    @field_validator("between")
    @classmethod
    def _shares_are_ordered(cls, value: list[float]) -> list[float]:
        if not 0.0 <= value[0] < value[1] <= 1.0:
            raise ValueError(f"`between` must be two shares of the run, 0 <= first < second <= 1, got {value}")
        return value

    @model_validator(mode="after")
    def _something_to_learn(self) -> "Loss":
        ends = [self.ends(quantity) for quantity in ("energy", "forces", "stress")]
        for end in (0, 1):
            if all(pair[end] == 0 for pair in ends):
                where = ("", " at the end of the run")[end]
                raise ValueError(f"at least one of the weights `energy`, `forces`, `stress` must be larger than 0{where}, got 0 for all")
        if self.course == "geometric" and any((first == 0) != (last == 0) for first, last in ends):
            raise ValueError("a weight on a `geometric` course must not be 0 at one of its ends; use `course: linear`")
        return self

    def ends(self, quantity: str) -> tuple[float | str, float | str]:
        """Weight of a quantity at the start and at the end of the run; `auto` is not resolved here."""
        first, last = getattr(self, quantity), getattr(self.final, quantity)
        return first, first if last is None else last


class Optimizer(Strict):
    """What makes a step of a gradient. Weight decay acts on matrices, not on energy scales and shifts."""

    kind: Literal["adamw", "muon", "schedule_free"] = Field(
        "adamw",
        description="`muon`: orthogonal steps for linear maps, AdamW for the other weights; `schedule_free`: AdamW that averages by itself "
        "(pip install qallegro[schedule-free])",
    )
    learning_rate: float = Field(1e-2, gt=0.0, description="at its highest")
    weight_decay: float = Field(0.0, ge=0.0, description="share of the weights taken off a step, times the rate")
    betas: list[float] = Field(
        [0.9, 0.999], min_length=2, max_length=2, description="decay of the two moments; schedule_free: the first mixes average and iterate"
    )
    amsgrad: bool = Field(False, description="never let the second moment fall")
    momentum: float = Field(0.95, ge=0.0, lt=1.0, description="muon: decay of the mean gradient of linear maps")

    @field_validator("betas")
    @classmethod
    def _betas_below_one(cls, value: list[float]) -> list[float]:
        if not all(0.0 <= beta < 1.0 for beta in value):
            raise ValueError(f"each of `betas` must be in [0, 1), got {value}")
        return value

    @model_validator(mode="after")
    def _options_suit_the_kind(self) -> "Optimizer":
        if self.amsgrad and self.kind != "adamw":
            raise ValueError(f"`amsgrad` must be false unless `kind` is adamw, got true with {self.kind}")
        if self.kind == "schedule_free" and self.betas[0] == 0.0:
            raise ValueError(f"the first of `betas` must be larger than 0 where `kind` is schedule_free, got {self.betas}")
        return self


class Schedule(Strict):
    """Learning rate over the run: a linear warm-up, then the named course."""

    kind: Literal["cosine", "plateau", "constant"] = Field("cosine", description="course after the warm-up")
    warmup_steps: int = Field(100, ge=0, description="steps over which the rate rises from 0")
    final: float = Field(0.01, ge=0.0, le=1.0, description="share of the rate at the end (cosine), or where it stops falling (plateau)")
    cycles: int = Field(1, ge=1, description="cosine: how often it falls; it starts anew from the full rate in between")
    cycle_growth: float = Field(1.0, gt=0.0, description="cosine: length of a cycle over that of the one before")
    over: Literal["epochs", "time"] = Field(
        "epochs",
        description="where cosine and `loss.final` reach their end: with `max_epochs` (or `max_steps`); `time`: with `max_time`, if that "
        "comes earlier",
    )
    factor: float = Field(0.5, gt=0.0, lt=1.0, description="plateau: what the rate is multiplied by")
    patience: int = Field(25, ge=1, description="plateau: validations without improvement before that")


def _is_decay(value: float | str) -> float | str:
    if not isinstance(value, str) and not 0.0 <= value < 1.0:
        raise ValueError(f"must be in [0, 1), or auto, got {value}")
    return value


Decay = Annotated[float | Literal["auto"], AfterValidator(_is_decay)]
#: what `auto` stands for
EMA_DECAY = 0.999


class EMA(Strict):
    """Exponential moving average of the weights; validation and `model.pth` use it."""

    decay: Decay = Field("auto", description="auto: 0.999, but 0 where the optimizer averages by itself; 0 turns averaging off")


class EarlyStopping(Strict):
    """Stop after `patience` validations without an improvement of the monitored quantity."""

    patience: int = Field(ge=1, description="validations")
    min_delta: float = Field(0.0, ge=0.0, description="smaller improvements do not count, as a share of the best value")


class TrainingConfig(Strict):
    """How to train."""

    engine: EngineName = Field("auto", description="native: kernels in C++, on the CPU; torch; auto: native where it can")
    batch_size: int = Field(5, ge=1, description="frames in a step, over all devices together")
    max_epochs: int = Field(1000, ge=1, description="passes over the training set")
    max_steps: int | None = Field(None, ge=1, description="stop after this many steps")
    max_time: str | None = Field(None, description='stop after this time, such as "18m", "1h30m" or "45s"; checked at every step')
    loss: Loss = Loss()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    ema: EMA = EMA()
    gradient_clip: float | None = Field(None, gt=0.0, description="largest norm of the gradient; longer ones are scaled down")
    early_stopping: EarlyStopping | None = None
    monitor: Literal["loss", "energy_mae", "forces_mae", "stress_mae"] = Field(
        "loss", description="validation quantity that picks `model.pth`, lowers a plateau schedule and stops early"
    )
    validate_every: int = Field(1, ge=1, description="epochs between validations")
    validation_batch_size: int | None = Field(None, ge=1, description="frames; twice the training batch if not given")
    checkpoint_every_steps: int | None = Field(None, ge=1, description="also write `last.ckpt` within an epoch, for `--resume`")

    @field_validator("max_time")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @model_validator(mode="after")
    def _time_schedule_has_time(self) -> "TrainingConfig":
        if self.schedule.over == "time" and self.max_time is None:
            raise ValueError("`max_time` must be given where `schedule.over` is time")
        return self

    @model_validator(mode="after")
    def _one_average(self) -> "TrainingConfig":
        if self.optimizer.kind == "schedule_free" and self.ema.decay not in ("auto", 0.0):
            raise ValueError(
                f"`ema.decay` must be 0 or auto where `optimizer.kind` is schedule_free, which averages the weights by itself, "
                f"got {self.ema.decay}"
            )
        return self

    @property
    def ema_decay(self) -> float:
        """`ema.decay` as a number."""
        if self.ema.decay == "auto":
            return 0.0 if self.optimizer.kind == "schedule_free" else EMA_DECAY
        return float(self.ema.decay)

    @property
    def max_seconds(self) -> float | None:
        """`max_time` in seconds."""
        return None if self.max_time is None else parse_duration(self.max_time)


class TrainerConfig(Strict):
    """Where to train; passed on to Lightning."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda"] = Field("auto", description="auto: CUDA where there is any, else the CPU")
    devices: int | list[int] | Literal["auto"] = Field(1, description="how many, or which; -1 and auto: all")
    num_nodes: int = Field(1, ge=1, description="machines")
    strategy: str = Field("auto", description="`ddp` for several devices; auto picks it")
    deterministic: bool = Field(False, description="refuse operations whose result depends on the order of threads (GPU)")
    progress: Literal["auto", "bar", "lines", "none"] = Field("auto", description="bar on a terminal, else one line an epoch")
    plots: bool = Field(True, description="draw training curves and parity plots at the end")
    tensorboard: bool = Field(False, description="also write TensorBoard logs (pip install qallegro[tensorboard])")


class RunConfig(Strict):
    """A whole run."""

    seed: int = Field(0, ge=0, description="of initial weights and of the order of frames")
    start_from: str | None = Field(
        None,
        description="trained model whose weights and hyperparameters the run starts from: `model.pth`, or a name of `qallegro models list`",
    )
    data: DataConfig
    model: dict[str, Any] = Field(
        {}, description="as `qallegro.model.config.ModelConfig`; species, neighbors, scales and shifts from the data"
    )
    training: TrainingConfig = TrainingConfig()
    trainer: TrainerConfig = TrainerConfig()

    @model_validator(mode="after")
    def _model_is_told(self) -> "RunConfig":
        if self.start_from is None and "model" not in self.model_fields_set:
            raise ValueError("`model` must be given, or `start_from` must name a trained model")
        return self


_DURATION = re.compile(r"(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d*)?)\s*s)?")


def parse_duration(text: str) -> float:
    """Seconds in a text such as "18m", "1h 30m", "2d" or "45s".

    Raises:
        ValueError: not such a text, or no time at all.
    """
    match = _DURATION.fullmatch(text.strip())
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0.0,) * 4
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total <= 0:
        raise ValueError(f'a duration must look like "18m", "1h30m" or "45s", got {text!r}')
    return total
