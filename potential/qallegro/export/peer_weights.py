"""Hyperparameters and weights of nequip-allegro 0.8 models, in our names (layout: public state dict of nequip-allegro 0.8.3)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
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

#: hyperparameters that say nothing about the energy function, or that are read under another name
_IGNORED = {
    "_target_", "seed", "model_dtype", "type_names", "compile_mode", "type_embed_dim", "derivative_method", "do_derivatives",
    "chemical_species", "chemical_embedding", "units", "use_custom_ops",
}  # fmt: skip


def config_from_peer(peer: Mapping[str, Any]) -> ModelConfig:
    """Our hyperparameters for a nequip-allegro model configuration with everything resolved.

    Raises:
        ModelError: the configuration uses something that is no Allegro of version 0.8, named in the message.
    """
    peer = dict(peer)
    target = peer.get("_target_", _BUILDERS[0])
    if target not in _BUILDERS:
        raise ModelError(f"peer model must be built by one of {_BUILDERS}, got `{target}`; only Allegro models can be imported")
    species = list(peer["type_names"])
    embed = dict(peer["radial_chemical_embed"])
    kind = embed.pop("_target_")
    if kind == _BESSEL:
        radial = {
            "kind": "bessel",
            "num_bessels": embed.get("num_bessels", 8),
            "trainable": embed.get("bessel_trainable", False),
            "polynomial_cutoff_p": embed.get("polynomial_cutoff_p", 6),
        }
    elif kind == _SPLINE:
        radial = {"kind": "spline", "num_splines": embed["num_splines"], "spline_span": embed["spline_span"]}
    else:
        raise ModelError(f"peer radial embedding must be `{_BESSEL}` or `{_SPLINE}`, got `{kind}`")
    pair = peer.get("pair_potential")
    if pair is not None and (pair.get("_target_") != _ZBL or pair.get("units", "metal") != "metal"):
        raise ModelError(f"peer pair potential must be `{_ZBL}` in metal units, got {pair}")
    neighbors = peer.get("avg_num_neighbors")
    if neighbors is None:
        raise ModelError("peer `avg_num_neighbors` must be given, got none; models without this normalisation are not supported")
    normalize = bool(peer.get("forward_normalize", peer.get("forward_weight_init", True)))

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
        radial_embedding=radial,
        radial_embedding_dim=peer.get("radial_chemical_embed_dim"),
        scalar_embed_mlp=mlp("scalar_embed_mlp", 64),
        latent_mlp=mlp("allegro_mlp", 64),
        readout_mlp=mlp("readout_mlp", 32),
        tp_path_channel_coupling=peer.get("tp_path_channel_coupling", True),
        forward_normalize=normalize,
        avg_num_neighbors=dict(neighbors) if isinstance(neighbors, Mapping) else float(neighbors),
        per_type_energy_scales=_table(peer.get("per_type_energy_scales")),
        per_type_energy_shifts=_table(peer.get("per_type_energy_shifts")),
        per_type_energy_scales_trainable=bool(peer.get("per_type_energy_scales_trainable", False)),
        per_type_energy_shifts_trainable=bool(peer.get("per_type_energy_shifts_trainable", False)),
        pair_potential=None if pair is None else "zbl",
        dtype=peer.get("model_dtype", "float32"),
    )


def potential_from_peer(peer: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Potential:
    """A potential with a peer's weights.

    Args:
        peer: model configuration with everything resolved.
        weights: state dict of the peer's network, any prefix.

    Raises:
        ModelError: a weight is missing, has another shape, or is left over.
    """
    config = config_from_peer(peer)
    potential = build_potential(config, seed=0)
    state = potential.network.state_dict()
    weights = _without_prefix(weights)
    channels, degrees, features = config.num_tensor_features, config.l_max + 1, config.num_scalar_features

    def degree_first(w: Tensor, plain: int) -> Tensor:
        """Columns after the first `plain`, from (channel, degree) to (degree, channel) order."""
        tensor = w[:, plain:].reshape(w.shape[0], channels, degrees).transpose(1, 2).reshape(w.shape[0], -1)
        return torch.cat([w[:, :plain], tensor], 1)

    taken: dict[str, Tensor] = {}

    def take(name: str) -> Tensor:
        if name not in weights:
            raise ModelError(f"peer weights must hold `{name}`, it is missing; is this an Allegro of nequip-allegro 0.8?")
        taken[name] = weights[name]
        return weights[name]

    def take_mlp(ours: str, theirs: str) -> None:
        names = [f"{ours}.first.weight"] + [f"{ours}.rest.{k}.weight" for k in range(sum(n.startswith(f"{ours}.rest.") for n in state))]
        for k, name in enumerate(names):
            state[name] = take(f"{theirs}.mlp.{2 * k}.weight")

    if config.radial_embedding.kind == "bessel":
        embed = "radial_chemical_embed"
        state["radial_embed.frequencies"] = take(f"{embed}.bessel_encode.bessel_weights").flatten()
        state["radial_embed.center_embed"] = take(f"{embed}.type_embed.center_embed.weight")
        state["radial_embed.neighbor_embed"] = take(f"{embed}.type_embed.neighbor_embed.weight")
        state["radial_embed.basis_linear.weight"] = take(f"{embed}.type_embed.basis_linear.mlp.0.weight")
    else:
        state["radial_embed.class_embed"] = take("radial_chemical_embed.spline.class_embed.weight")
    take_mlp("scalar_embed", "scalar_embed_mlp.mlp_module")
    state["tensor_embed.weight"] = degree_first(take("tensor_embed.env_embed_linear.mlp.0.weight"), 0)
    state["first_projection.weight"] = degree_first(take("allegro.first_layer_env_embed_projection.mlp.0.weight"), features)
    for k in range(config.num_layers):
        ours = f"layers.{k}"
        paths = take(f"allegro.tps.{k}.weights")
        state[f"{ours}.path_weights"] = paths.reshape(state[f"{ours}.path_weights"].shape)
        take_mlp(f"{ours}.latent", f"allegro.latents.{k}")
        if k < config.num_layers - 1:
            depth = config.latent_mlp.depth
            last = f"{ours}.latent.rest.{depth - 1}.weight" if depth else f"{ours}.latent.first.weight"
            state[last] = degree_first(state[last], features)
    take_mlp("readout", "edge_readout.mlp_module")
    for name in ("scales", "shifts"):
        # An empty tensor means that the peer's model has none; one number serves all types.
        value = taken.setdefault(f"per_type_energy_scale_shift.{name}", weights.get(f"per_type_energy_scale_shift.{name}", torch.empty(0)))
        if value.numel():
            state[name] = value.flatten().expand(len(config.atom_types)).clone()
    if config.pair_potential == "zbl" and "pair_potential._qqr2exesquare" in weights:
        theirs = float(take("pair_potential._qqr2exesquare"))
        # Stored with the factor of the directed edge in some versions.
        if not any(math.isclose(theirs, COULOMB * f, rel_tol=1e-6) for f in (0.5, 1.0)):
            raise ModelError(f"peer ZBL constant must be {COULOMB} eV Å (or half of it), got {theirs}")
    _check_all_taken(weights, taken)

    dtypes = {name: tensor.dtype for name, tensor in potential.network.state_dict().items()}
    try:
        potential.network.load_state_dict({name: tensor.detach().to(dtypes[name]) for name, tensor in state.items()})
    except RuntimeError as error:
        raise ModelError(f"peer weights must fit the peer's hyperparameters: {error}") from error
    return potential


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    anchor = "scalar_embed_mlp.mlp_module.mlp.0.weight"
    found = [name for name in weights if name.endswith(anchor)]
    if len(found) != 1:
        raise ModelError(f"peer weights must hold one `{anchor}`, got {len(found)}; is this an Allegro of nequip-allegro 0.8?")
    prefix = found[0][: -len(anchor)]
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


#: tensors that hold no weight: constants that we compute, buffers of the peer's bookkeeping
_CONSTANT = ("edge_norm.", ".w3j", "_empty", "pair_potential.", "type_mapper.", "per_type_energy_scale_shift.", "_rmax", "_type_num", "spline.lower", "spline.upper")


def _check_all_taken(weights: Mapping[str, Tensor], taken: Mapping[str, Tensor]) -> None:
    left = [n for n in weights if n not in taken and not any(c in n for c in _CONSTANT)]
    if left:
        raise ModelError(f"peer weights must all be known, got unknown {left}; the model has a part that qallegro lacks")


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
