"""Hyperparameters and weights of nequip-allegro 0.8 models, in our names (layout: public state dict of nequip-allegro 0.8.3)."""

import math
from collections.abc import Mapping
from typing import Any

import pydantic
import torch
from ase.data import atomic_numbers
from torch import Tensor

from qallegro.errors import ModelError
from qallegro.model.build import build_potential
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from qallegro.model.zbl import COULOMB

_BESSEL = "allegro.nn.TwoBodyBesselScalarEmbed"
_SPLINE = "allegro.nn.TwoBodySplineScalarEmbed"
_ZBL = "nequip.nn.pair_potential.ZBL"
_BUILDERS = ("allegro.model.AllegroModel", "allegro.model.AllegroEnergyModel")

_HYPERPARAMETERS = {
    "r_max", "type_names", "l_max", "parity", "radial_chemical_embed", "radial_chemical_embed_dim", "per_edge_type_cutoff",
    "num_layers", "num_scalar_features", "num_tensor_features", "tp_path_channel_coupling", "avg_num_neighbors",
    "per_type_energy_scales", "per_type_energy_shifts", "per_type_energy_scales_trainable", "per_type_energy_shifts_trainable",
    "pair_potential", "forward_normalize", "model_dtype",
    *(f"{mlp}_{what}" for mlp in ("scalar_embed_mlp", "allegro_mlp", "readout_mlp")
      for what in ("hidden_layers_depth", "hidden_layers_width", "nonlinearity")),
}  # fmt: skip
#: hyperparameters that leave the energy function as it is
_WITHOUT_EFFECT = {"_target_", "seed", "compile_mode", "do_derivatives"}


def check_builder(peer: Mapping[str, Any]) -> None:
    """Raises ModelError if a model configuration describes another architecture."""
    target = peer.get("_target_", _BUILDERS[0])
    if target not in _BUILDERS:
        raise ModelError(f"peer model must be an Allegro, built by one of {_BUILDERS}, got `{target}`; no other can be imported")


def config_from_peer(peer: Mapping[str, Any]) -> ModelConfig:
    """Our hyperparameters for a nequip-allegro model configuration with everything resolved.

    Raises:
        ModelError: the configuration uses something that is no Allegro of version 0.8, named in the message.
    """
    check_builder(peer)
    try:
        return _config(peer)
    except pydantic.ValidationError as error:
        reasons = "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'model'}: {e['msg']}" for e in error.errors())
        raise ModelError(f"peer hyperparameters must describe a model that qallegro can build, they do not: {reasons}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"peer hyperparameters must be numbers and tables of numbers, got something else: {error}") from error


def _config(peer: Mapping[str, Any]) -> ModelConfig:
    unknown = sorted(set(peer) - _HYPERPARAMETERS - _WITHOUT_EFFECT)
    if unknown:
        raise ModelError(f"peer hyperparameters must be those of nequip-allegro 0.8, got unknown {unknown}; qallegro has no such option")
    missing = [name for name in ("r_max", "type_names", "l_max", "radial_chemical_embed", "avg_num_neighbors") if peer.get(name) is None]
    if missing:
        raise ModelError(f"peer hyperparameters must hold {missing}, they are missing; is the configuration resolved?")
    species = list(peer["type_names"])
    neighbors = peer["avg_num_neighbors"]

    def mlp(prefix: str, width: int) -> dict[str, Any]:
        return {
            "depth": peer.get(f"{prefix}_hidden_layers_depth", 1),
            "width": peer.get(f"{prefix}_hidden_layers_width", width),
            "nonlinearity": peer.get(f"{prefix}_nonlinearity", "silu"),
        }

    return ModelConfig(
        atom_types=species,
        r_max=float(peer["r_max"]),
        per_edge_type_cutoff=_cutoff_table(peer.get("per_edge_type_cutoff"), species),
        l_max=peer["l_max"],
        parity=peer.get("parity", True),
        num_layers=peer.get("num_layers", 2),
        num_scalar_features=peer.get("num_scalar_features", 64),
        num_tensor_features=peer.get("num_tensor_features", 16),
        radial_embedding=_radial_embedding(peer["radial_chemical_embed"]),
        radial_embedding_dim=peer.get("radial_chemical_embed_dim"),
        scalar_embed_mlp=mlp("scalar_embed_mlp", 64),
        latent_mlp=mlp("allegro_mlp", 64),
        readout_mlp=mlp("readout_mlp", 32),
        tp_path_channel_coupling=peer.get("tp_path_channel_coupling", True),
        forward_normalize=peer.get("forward_normalize", True),
        avg_num_neighbors=dict(neighbors) if isinstance(neighbors, Mapping) else float(neighbors),
        per_type_energy_scales=_table(peer.get("per_type_energy_scales")),
        per_type_energy_shifts=_table(peer.get("per_type_energy_shifts")),
        per_type_energy_scales_trainable=bool(peer.get("per_type_energy_scales_trainable", False)),
        per_type_energy_shifts_trainable=bool(peer.get("per_type_energy_shifts_trainable", False)),
        pair_potential=_pair_potential(peer.get("pair_potential"), species),
        dtype=peer.get("model_dtype", "float32"),
    )


def _radial_embedding(embed: Mapping[str, Any]) -> dict[str, Any]:
    kind = embed.get("_target_")
    if kind == _BESSEL:
        return {
            "kind": "bessel",
            "num_bessels": embed.get("num_bessels", 8),
            "trainable": embed.get("bessel_trainable", False),
            "polynomial_cutoff_p": embed.get("polynomial_cutoff_p", 6),
        }
    if kind == _SPLINE:
        return {"kind": "spline", "num_splines": embed.get("num_splines", 16), "spline_span": embed.get("spline_span", 12)}
    raise ModelError(f"peer radial embedding must be `{_BESSEL}` or `{_SPLINE}`, got `{kind}`")


def _pair_potential(pair: Mapping[str, Any] | None, species: list[str]) -> str | None:
    if pair is None:
        return None
    kind, units, p = pair.get("_target_"), pair.get("units"), pair.get("polynomial_cutoff_p", 6.0)
    if kind != _ZBL or units != "metal" or p != 6.0:
        raise ModelError(f"peer pair potential must be `{_ZBL}` with units metal and polynomial_cutoff_p 6, got `{kind}`, {units}, {p}")
    if list(pair.get("chemical_species", [])) != species:
        raise ModelError(f"`chemical_species` of the peer's ZBL must be the species {species}, got {pair.get('chemical_species')}")
    return "zbl"


def potential_from_peer(peer: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Potential:
    """A potential with a peer's weights.

    Args:
        peer: model configuration with everything resolved.
        weights: state dict of the peer's network, any prefix.

    Raises:
        ModelError: a weight is missing, has another shape, is not finite, or is left over.
    """
    config = config_from_peer(peer)
    potential = build_potential(config, seed=0)
    state = potential.network.state_dict()
    dtypes = {name: tensor.dtype for name, tensor in state.items()}
    source = _Weights(_without_prefix(weights))
    try:
        _map_network(config, state, source)
        potential.network.load_state_dict({name: tensor.detach().to(dtypes[name]) for name, tensor in state.items()})
    except (RuntimeError, IndexError) as error:
        raise ModelError(f"peer weights must fit the peer's hyperparameters: {error}") from error
    _check_constants(config, source)
    source.check_all_taken()
    for name, tensor in potential.network.named_parameters():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"peer weights must be finite, got NaN or infinity in `{name}`; the training went wrong")
    return potential


class _Weights:
    """The peer's tensors, and which of them were used."""

    #: tensors that hold no weight: coupling coefficients and grids that we compute
    CONSTANTS = ("_empty", ".w3j", ".spline.lower", ".spline.upper")

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self.taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def take(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise ModelError(f"peer weights must hold `{name}`, it is missing; is this an Allegro of nequip-allegro 0.8?")
        self.taken.add(name)
        return self.tensors[name]

    def check_all_taken(self) -> None:
        left = [n for n in self.tensors if n not in self.taken and not n.endswith(self.CONSTANTS)]
        if left:
            raise ModelError(f"peer weights must all be known, got unknown {left}; the model has a part that qallegro lacks")


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    anchor = "tensor_embed.env_embed_linear.mlp.0.weight"
    found = [name for name in weights if name.endswith(anchor)]
    if len(found) != 1:
        raise ModelError(f"peer weights must hold one `{anchor}`, got {len(found)}; is this one Allegro of nequip-allegro 0.8?")
    prefix = found[0][: -len(anchor)]
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def _map_network(config: ModelConfig, state: dict[str, Tensor], weights: _Weights) -> None:
    """Fill our state with the peer's tensors, in our order of columns."""
    channels, degrees, features = config.num_tensor_features, config.l_max + 1, config.num_scalar_features

    def degree_first(w: Tensor, plain: int) -> Tensor:
        """Columns after the first `plain`, from (channel, degree) to (degree, channel) order."""
        tensor = w[:, plain:].reshape(w.shape[0], channels, degrees).transpose(1, 2).reshape(w.shape[0], -1)
        return torch.cat([w[:, :plain], tensor], 1)

    def take_mlp(ours: str, theirs: str) -> None:
        names = [f"{ours}.first.weight"] + [f"{ours}.rest.{k}.weight" for k in range(sum(n.startswith(f"{ours}.rest.") for n in state))]
        # Without activations the peer multiplies the matrices of a deep perceptron, and stores them as a list.
        linear = f"{theirs}.mlp.weights.0" in weights
        for k, name in enumerate(names):
            state[name] = weights.take(f"{theirs}.mlp.weights.{k}" if linear else f"{theirs}.mlp.{2 * k}.weight")

    if config.radial_embedding.kind == "bessel":
        embed = "radial_chemical_embed"
        state["radial_embed.frequencies"] = weights.take(f"{embed}.bessel_encode.bessel_weights").flatten()
        state["radial_embed.center_embed"] = weights.take(f"{embed}.type_embed.center_embed.weight")
        state["radial_embed.neighbor_embed"] = weights.take(f"{embed}.type_embed.neighbor_embed.weight")
        state["radial_embed.basis_linear.weight"] = weights.take(f"{embed}.type_embed.basis_linear.mlp.0.weight")
    else:
        state["radial_embed.class_embed"] = weights.take("radial_chemical_embed.spline.class_embed.weight")
    take_mlp("scalar_embed", "scalar_embed_mlp.mlp_module")
    state["tensor_embed.weight"] = degree_first(weights.take("tensor_embed.env_embed_linear.mlp.0.weight"), 0)
    state["first_projection.weight"] = degree_first(weights.take("allegro.first_layer_env_embed_projection.mlp.0.weight"), features)
    for k in range(config.num_layers):
        ours = f"layers.{k}"
        paths = weights.take(f"allegro.tps.{k}.weights")
        state[f"{ours}.path_weights"] = paths.reshape(state[f"{ours}.path_weights"].shape)
        take_mlp(f"{ours}.latent", f"allegro.latents.{k}")
        if k < config.num_layers - 1:
            depth = config.latent_mlp.depth
            last = f"{ours}.latent.rest.{depth - 1}.weight" if depth else f"{ours}.latent.first.weight"
            state[last] = degree_first(state[last], features)
    take_mlp("readout", "edge_readout.mlp_module")
    for name in ("scales", "shifts"):
        value = weights.take(f"per_type_energy_scale_shift.{name}")
        # An empty tensor means that the peer's model has none; one number serves all types.
        if value.numel():
            state[name] = value.flatten().expand(len(config.atom_types)).clone()


def _check_constants(config: ModelConfig, weights: _Weights) -> None:
    """Cutoffs and the constants of ZBL are in the peer's file twice: as hyperparameters and as buffers."""
    cutoffs = torch.tensor(config.cutoffs(), dtype=torch.float64).flatten()
    theirs = weights.take("edge_norm._rmax_recip").to(torch.float64).flatten()
    if theirs.numel() not in (1, cutoffs.numel()) or not torch.allclose(theirs * cutoffs, torch.ones_like(cutoffs), rtol=1e-12, atol=0):
        raise ModelError(f"peer cutoffs must be those of its hyperparameters, {config.cutoffs()} Å, got {(1 / theirs).tolist()} Å")
    if config.pair_potential == "zbl":
        numbers = weights.take("pair_potential.atomic_numbers").tolist()
        if [int(z) for z in numbers] != [atomic_numbers[symbol] for symbol in config.atom_types]:
            raise ModelError(f"peer ZBL must have the atomic numbers of {config.atom_types}, got {numbers}")
        # The peer stores half of the constant, the share of one directed edge.
        constant = 2.0 * float(weights.take("pair_potential._qqr2exesquare"))
        if not math.isclose(constant, COULOMB, rel_tol=1e-12):
            raise ModelError(f"peer ZBL constant must be {COULOMB} eV Å, got {constant}; only units metal can be imported")


def _table(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: float(v) for k, v in value.items()}
    return None if value is None else float(value)


def _cutoff_table(value: Mapping[str, Any] | None, species: list[str]) -> dict[str, dict[str, float]] | None:
    """The peer writes a number for a whole row, or a table for a row; missing entries mean r_max in both."""
    if value is None:
        return None
    return {
        a: {b: float(v) for b, v in row.items()} if isinstance(row, Mapping) else dict.fromkeys(species, float(row))
        for a, row in value.items()
    }
