"""Hyperparameters of a potential: what a checkpoint, an exported file and a training configuration say of a model."""

from typing import Annotated, Any, Literal

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from qallegro.quantum.config import CircuitConfig

Nonlinearity = Literal["silu", "mish", "gelu"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BesselEmbedding(_Strict):
    """Bessel functions under a polynomial envelope, times a two-body type embedding."""

    kind: Literal["bessel"] = "bessel"
    num_bessels: int = Field(8, ge=1, description="number of radial functions")
    trainable: bool = Field(False, description="let the frequencies train")
    polynomial_cutoff_p: float = Field(
        6.0,
        ge=2.0,
        description="exponent p of the envelope, 2 or more: then its curvature is finite at r = 0 too (at r_max it is zero for any p)",
    )


class SplineEmbedding(_Strict):
    """One set of cosine splines for each pair of types."""

    kind: Literal["spline"] = "spline"
    num_splines: int = Field(16, ge=1, description="number of splines")
    spline_span: int = Field(12, ge=0, description="width of a spline in grid steps")

    @model_validator(mode="after")
    def _span_fits(self) -> "SplineEmbedding":
        if self.spline_span > self.num_splines:
            raise ValueError(f"`spline_span` must be at most `num_splines` ({self.num_splines}), got {self.spline_span}")
        return self


class MLPConfig(_Strict):
    """A bias-free perceptron: `depth` hidden layers of `width`."""

    depth: int = Field(1, ge=0, description="hidden layers; 0 is one linear map")
    width: int = Field(64, ge=1, description="of each hidden layer")
    nonlinearity: Nonlinearity | None = Field("silu", description="activation after each hidden layer; null: none")


class HiddenMLPConfig(_Strict):
    """Allegro+MLP: linear map to `num_features`, two hidden layers, then `readout_mlp`."""

    num_features: int = Field(16, ge=1, description="inputs of the hidden layers")
    widths: list[int] = Field([32, 32], min_length=2, max_length=2, description="of the two hidden layers")
    nonlinearity: Nonlinearity = Field("silu", description="activation after each")

    @field_validator("widths")
    @classmethod
    def _widths_are_positive(cls, value: list[int]) -> list[int]:
        if min(value) < 1:
            raise ValueError(f"both `widths` must be 1 or more, got {value}")
        return value


FeatureNorm = Annotated[
    float | None,
    Field(gt=0.0, description="features are divided by it; if not given by their root mean square before training where that is above 1"),
]


class QDIConfig(_Strict):
    """Allegro+QDI: linear map to the circuit's features, circuit, fully connected layer, then `readout_mlp`."""

    circuit: CircuitConfig = CircuitConfig()
    width: int = Field(32, ge=1, description="of the fully connected layer after the circuit")
    nonlinearity: Nonlinearity | None = Field("silu", description="activation after that layer; null: none")
    trainable: bool = Field(True, description="train the angles; false keeps the random ones (a control)")
    freeze_inert: bool = Field(True, description="keep angles that cannot change the output at zero instead of training them")
    feature_norm: FeatureNorm = None


class RandomFourierConfig(_Strict):
    """Allegro+RFF, a control of Allegro+QDI: frozen random cosines of integer frequencies in place of the circuit."""

    num_features: int = Field(4, ge=1, description="input features")
    num_outputs: int = Field(4, ge=1, description="cosines")
    max_frequency: int = Field(1, ge=1, description="largest frequency of a feature; a circuit that encodes L times reaches L")
    width: int = Field(32, ge=1, description="of the fully connected layer after the cosines")
    nonlinearity: Nonlinearity | None = Field("silu", description="activation after that layer; null: none")
    feature_norm: FeatureNorm = None


#: variant -> the section that only this variant has
VARIANT_SECTIONS = {"allegro_mlp": "hidden_mlp", "allegro_qdi": "qdi", "allegro_rff": "random_fourier"}
#: of them, those whose head is periodic in its features and squashes them to angles
PERIODIC_SECTIONS = {variant: section for variant, section in VARIANT_SECTIONS.items() if variant != "allegro_mlp"}


class ModelConfig(_Strict):
    """Everything that fixes a model but its weights. Lengths in Å, energies in eV."""

    atom_types: list[str] = Field(min_length=1, description="chemical symbols in type order")
    r_max: float = Field(gt=0.0, description="cutoff radius in Å")
    per_edge_type_cutoff: dict[str, dict[str, float]] | None = Field(
        None, description="cutoff in Å for a centre and a neighbor species; missing entries are r_max"
    )
    variant: Literal["allegro", "allegro_mlp", "allegro_qdi", "allegro_rff"] = Field("allegro", description="edge readout head")
    l_max: int = Field(ge=0, le=8, description="highest degree of the spherical harmonics")
    parity: bool = Field(True, description="keep irreps of both parities between layers")
    num_layers: int = Field(2, ge=1, description="tensor products")
    num_scalar_features: int = Field(64, ge=1, description="width of the scalar track")
    num_tensor_features: int = Field(16, ge=1, description="channels of the tensor track")
    radial_embedding: Annotated[BesselEmbedding | SplineEmbedding, Field(discriminator="kind")] = BesselEmbedding()
    radial_embedding_dim: int | None = Field(None, ge=2, description="width of the embedding; num_scalar_features if not given")
    scalar_embed_mlp: MLPConfig = MLPConfig()
    latent_mlp: MLPConfig = MLPConfig()
    readout_mlp: MLPConfig = MLPConfig(width=32)
    hidden_mlp: HiddenMLPConfig | None = None
    qdi: QDIConfig | None = None
    random_fourier: RandomFourierConfig | None = None
    tp_path_channel_coupling: bool = Field(True, description="one path weight a channel, instead of one for all channels")
    forward_normalize: bool = Field(True, description="scale linear maps by their input width; false: output width")
    avg_num_neighbors: float | dict[str, float] = Field(description="mean number of neighbors, or one for each species")
    per_type_energy_scales: float | dict[str, float] | None = Field(None, description="eV a unit of network output")
    per_type_energy_shifts: float | dict[str, float] | None = Field(None, description="eV, reference energies of the species")
    per_type_energy_scales_trainable: bool = Field(False, description="let the scales train")
    per_type_energy_shifts_trainable: bool = Field(False, description="let the reference energies train")
    pair_potential: Literal["zbl"] | None = Field(None, description="screened nuclear repulsion at short range")
    dtype: Literal["float32", "float64"] = Field("float32", description="precision of the network; geometry and sums are float64")

    @field_validator("atom_types")
    @classmethod
    def _species_are_elements(cls, value: list[str]) -> list[str]:
        for symbol in value:
            if symbol not in atomic_numbers or symbol == "X":
                raise ValueError(f"`atom_types` must hold chemical symbols, got {symbol!r}")
        if len(set(value)) != len(value):
            raise ValueError(f"`atom_types` must not repeat a species, got {value}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _sections_belong_to_the_variant(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        variant = data.get("variant", "allegro")
        for owner, section in VARIANT_SECTIONS.items():
            if owner == variant and data.get(section) is None:
                data = {**data, section: {}}
            elif owner != variant and data.get(section) is not None:
                raise ValueError(
                    f"`{section}` must be given only with `variant: {owner}`, got it with {variant}; remove it or change `variant`"
                )
        return data

    @model_validator(mode="after")
    def _tables_name_known_species(self) -> "ModelConfig":
        for name in ("avg_num_neighbors", "per_type_energy_scales", "per_type_energy_shifts"):
            table = getattr(self, name)
            if isinstance(table, dict) and set(table) != set(self.atom_types):
                raise ValueError(f"`{name}` must have one entry for each of {self.atom_types}, got {sorted(table)}")
        neighbors = self.avg_num_neighbors
        for number in neighbors.values() if isinstance(neighbors, dict) else [neighbors]:
            if not number > 0:
                raise ValueError(f"`avg_num_neighbors` must be larger than 0, got {number}")
        for center, row in (self.per_edge_type_cutoff or {}).items():
            for species, value in [(center, self.r_max), *row.items()]:
                if species not in self.atom_types:
                    raise ValueError(f"`per_edge_type_cutoff` names {species!r}, which is not in `atom_types` {self.atom_types}")
                if not 0 < value <= self.r_max:
                    raise ValueError(f"`per_edge_type_cutoff` must be in (0, r_max = {self.r_max}], got {value} for {center}-{species}")
        if isinstance(self.radial_embedding, BesselEmbedding) and self.embedding_dim % 2:
            raise ValueError(f"the width of a bessel embedding must be even (half centre, half neighbor), got {self.embedding_dim}")
        return self

    @property
    def embedding_dim(self) -> int:
        """Width C of the radial-chemical embedding."""
        return self.radial_embedding_dim or self.num_scalar_features

    def cutoffs(self) -> list[list[float]]:
        """Cutoff in Å for every (centre, neighbor) pair of types."""
        table = self.per_edge_type_cutoff or {}
        return [[table.get(a, {}).get(b, self.r_max) for b in self.atom_types] for a in self.atom_types]

    def per_type(self, name: str, default: float) -> list[float]:
        """A number-or-table hyperparameter as one number for each type."""
        value = getattr(self, name)
        if value is None:
            value = default
        return [float(value[s]) if isinstance(value, dict) else float(value) for s in self.atom_types]
