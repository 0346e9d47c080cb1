"""What a configuration says of the reference data."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from qallegro.data.units import ENERGY, LENGTH, PRESSURE

EnergyUnit = Literal[tuple(ENERGY)]
LengthUnit = Literal[tuple(LENGTH)]
PressureUnit = Literal[tuple(PRESSURE)]


class Strict(BaseModel):
    """A section of the configuration: no unknown keys, no silent conversions, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Keys(Strict):
    """Names of the labels in a file. None: the format's usual name."""

    energy: str | None = Field(None, description="total energy; `energy` if not given")
    forces: str | None = Field(None, description="forces; `forces` if not given")
    stress: str | None = Field(None, description="stress (6 Voigt numbers xx, yy, zz, yz, xz, xy, or 3x3); `stress` if not given")
    virial: str | None = Field(None, description="virial = -stress times volume, an energy; read instead of stress")

    @model_validator(mode="after")
    def _one_of_stress_and_virial(self) -> "Keys":
        if self.stress is not None and self.virial is not None:
            raise ValueError("`stress` and `virial` must not both be given: they state the same quantity")
        return self


class Units(Strict):
    """Units of a file. Forces are in energy per length. None: eV and Å, or kcal/mol for `.npz` files of the rMD17 kind."""

    energy: EnergyUnit | None = Field(None, description="eV, or kcal/mol for `.npz` files, if not given")
    length: LengthUnit | None = Field(None, description="angstrom if not given")
    forces_energy: EnergyUnit | None = Field(None, description="energy unit in the forces, where it is not that of the energies")
    forces_length: LengthUnit | None = Field(None, description="length unit in the forces, where it is not that of the positions")
    stress: PressureUnit | None = Field(None, description="energy per volume in the units above if not given")
    stress_positive: Literal["tension", "compression"] = Field("tension", description="sign convention of the stress in the file")


class Source(Strict):
    """One file of frames."""

    path: str = Field(description="a file; or `qallegro:NAME` for a data set of the package, `qallegro:NAME/test` for one of its splits")
    index: str | None = Field(None, description='frames to take, as a Python slice such as ":500" or "::10"')
    keys: Keys | None = Field(None, description="as `data.keys`, for this file alone")
    units: Units | None = Field(None, description="as `data.units`, for this file alone")


def data_path(text: str) -> Source:
    """A data file on the command line, with an optional slice after `@`, as ASE writes it: `set.xyz@:100`."""
    path, at, index = text.rpartition("@")
    return Source(path=path, index=index) if at and not Path(text).exists() else Source(path=text)


def _as_sources(value: Any) -> Any:
    """A path, a table, or a list of either -> a list of tables."""
    entries = value if isinstance(value, list) else [value]
    return [{"path": entry} if isinstance(entry, str) else entry for entry in entries]


Sources = Annotated[list[Source], BeforeValidator(_as_sources)]


def _is_share(value: int | float) -> int | float:
    if isinstance(value, int) and value < 1 or isinstance(value, float) and not 0.0 < value < 1.0:
        raise ValueError(f"must be a count of frames (1 or more) or a fraction between 0 and 1, got {value}")
    return value


Share = Annotated[int | float, AfterValidator(_is_share)]


def _kind_of_references(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    return "file" if isinstance(value, Source) or (isinstance(value, dict) and "path" in value) else "table"


References = Annotated[
    Annotated[Literal["least_squares", "isolated_atoms", "none"], Tag("name")]
    | Annotated[Source, Tag("file")]
    | Annotated[dict[str, float], Tag("table")],
    Discriminator(_kind_of_references),
]


class Split(Strict):
    """How frames of `data.train` are dealt out: a whole number is a count, a number below 1 a fraction of the file's frames."""

    train: Share | None = Field(None, description="all that is left if not given")
    validation: Share | None = Field(None, description="count or fraction")
    test: Share | None = Field(None, description="count or fraction")
    seed: int = Field(0, ge=0, description="of the shuffling")
    file: str | None = Field(None, description="use the frames listed in this `splits.json` of an earlier run")
    from_frames: bool = Field(False, description="use what each frame says itself, under `split`: `train`, `validation` or `test`")

    @model_validator(mode="after")
    def _one_way_of_splitting(self) -> "Split":
        others = [f"`{name}`" for name in ("train", "validation", "test", "file") if getattr(self, name) is not None]
        if self.from_frames and others:
            raise ValueError(f"frames must be dealt out in one way, got {', '.join(others)} and `from_frames`; leave all but one out")
        return self


class DataConfig(Strict):
    """Reference data: files, labels, splits, and what is derived from the training set."""

    root: str | None = Field(None, description="folder that relative paths start from; the configuration's own folder if not given")
    train: Sources = Field(min_length=1, description="files to train on; `split` may take validation and test frames out of them")
    validation: Sources | None = Field(None, description="separate files for validation")
    test: Sources | None = Field(None, description="separate files for the test at the end")
    split: Split = Split()
    keys: Keys = Keys()
    units: Units = Units()
    min_distance: float = Field(0.3, ge=0.0, description="Å; closer atoms are refused. No bond is shorter than 0.7 Å (H2)")
    allow_missing: list[Literal["forces", "stress"]] = Field([], description="labels that single frames of a file may lack")
    reference_energies: References = Field(
        "least_squares",
        description="energy shift of each species: fitted, from single-atom frames (of the training files, or of a file given by path), "
        "or numbers in eV",
    )
    energy_scale: Literal["forces_rms", "forces_rms_per_type", "energy_rms", "none"] | None = Field(
        None, description="energy scale of the network; forces_rms, or energy_rms where there are no forces"
    )
    avg_num_neighbors: Literal["overall", "per_type"] = Field("overall", description="mean over all atoms, or one for each species")
    cache: str | None = Field(None, description="folder that keeps neighbor tables between runs")

    @model_validator(mode="after")
    def _splits_and_files_agree(self) -> "DataConfig":
        for subset in ("validation", "test"):
            if getattr(self, subset) is not None and getattr(self.split, subset) is not None:
                raise ValueError(f"`{subset}` frames must come from `data.{subset}` or from `data.split.{subset}`, not from both")
        split = self.split
        if self.validation is None and split.validation is None and split.file is None and not split.from_frames:
            raise ValueError(
                "validation frames must be given: `data.validation` names files, `data.split.validation` a count or a fraction, "
                "or `data.split.from_frames` leaves it to the frames"
            )
        return self
