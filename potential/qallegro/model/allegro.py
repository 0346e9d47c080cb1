"""The Allegro network: padded neighbor table in, per-atom energies out.

The tensor track of Allegro is linear in its first tensor: with the environments E_k of the centre atom fixed,

    V_{k+1}[u, o] = sum_a V_k[u, a] M_k[u, a, o],     M_k[u, a, o] = sum_b E_k[u, b] sum_paths W[u, path] C[path; a, b, o],

so that V_k = V_0 M_0 M_1 .. M_{k-1} with matrices that belong to the centre, not to the edge. Only the scalar component t_k of V_{k+1}
enters the network, hence

    t_k[u] = sum_l w[u, l] sum_m Y_lm q_k[u, lm],     q_k = M_0 .. M_k e_0.

An edge therefore pays for one small matrix product with Y a layer instead of a tensor product; the products of the M_k are done
once an atom. This is exact (same sums, another order) and holds for every l_max, parity and number of layers.
"""

import math

import torch
from torch import Tensor, nn

from qallegro.model.angular import SphericalHarmonics
from qallegro.model.config import BesselEmbedding, ModelConfig
from qallegro.model.geometry import EdgeGeometry
from qallegro.model.linear import MLP, Linear
from qallegro.model.radial import BesselEmbed, SplineEmbed
from qallegro.model.readout import HEADS
from qallegro.model.tensor_product import Coupling, couplings, dimension
from qallegro.model.zbl import ZBL

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class AllegroLayer(nn.Module):
    """One tensor product and one latent perceptron."""

    def __init__(self, config: ModelConfig, coupling: Coupling, index: int, dtype: torch.dtype) -> None:
        super().__init__()
        features, channels = config.num_scalar_features, config.num_tensor_features
        self.features = features
        self.d_env, self.d_in, self.d_out = coupling.coefficients.shape[1:]
        num_paths = len(coupling.paths)
        self.register_buffer("coefficients", coupling.coefficients.to(dtype).reshape(num_paths, -1), persistent=False)
        self.channels = channels
        rows = channels if config.tp_path_channel_coupling else 1
        self.path_weights = nn.Parameter(torch.empty(rows, num_paths, dtype=dtype).uniform_(-math.sqrt(3.0), math.sqrt(3.0)))
        last = index == config.num_layers - 1
        mlp = config.latent_mlp
        self.latent = MLP(
            [features] * (index + 1) + [channels],
            mlp.depth,
            mlp.width,
            features + (0 if last else channels * (config.l_max + 1)),
            nonlinearity=mlp.nonlinearity,
            dtype=dtype,
            forward_normalize=config.forward_normalize,
        )

    def center_matrices(self, environment: Tensor) -> Tensor:
        """M of every centre and channel. Args: environment (U, N, D_env). Returns (U, N, D_in, D_out)."""
        table = torch.mm(self.path_weights, self.coefficients).view(-1, self.d_env, self.d_in * self.d_out)
        table = table.expand(self.channels, self.d_env, self.d_in * self.d_out)
        return torch.bmm(environment, table).view(self.channels, -1, self.d_in, self.d_out)

    def forward(self, scalars: list[Tensor], t: Tensor) -> Tensor:
        """Args: scalars [s_0 .. s_k], each (E, S); t (E, U). Returns (E, S + U R), or (E, S) in the last layer."""
        return self.latent(scalars + [t])


class Allegro(nn.Module):
    """Per-atom energies of centre atoms from their neighbor tables (docs/architecture.md)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        dtype = _DTYPES[config.dtype]
        self.dtype = dtype
        self.num_types = len(config.atom_types)
        self.features = config.num_scalar_features
        self.channels = config.num_tensor_features
        self.degrees = config.l_max + 1
        self.components = (config.l_max + 1) ** 2
        self.num_layers = config.num_layers

        self.register_buffer("cutoffs", torch.tensor(config.cutoffs(), dtype=torch.float64).flatten(), persistent=False)
        neighbors = torch.tensor(config.per_type("avg_num_neighbors", 1.0), dtype=torch.float64)
        self.register_buffer("environment_norm", neighbors.rsqrt(), persistent=False)
        degree_of = [degree for degree in range(config.l_max + 1) for _ in range(2 * degree + 1)]
        self.register_buffer("degree_mask", nn.functional.one_hot(torch.tensor(degree_of), self.degrees).to(dtype), persistent=False)

        embedding = config.radial_embedding
        if isinstance(embedding, BesselEmbedding):
            self.radial_embed: nn.Module = BesselEmbed(
                self.num_types,
                config.embedding_dim,
                embedding.num_bessels,
                embedding.trainable,
                embedding.polynomial_cutoff_p,
                dtype,
                config.forward_normalize,
            )
        else:
            self.radial_embed = SplineEmbed(self.num_types, config.embedding_dim, embedding.num_splines, embedding.spline_span, dtype)
        mlp = config.scalar_embed_mlp
        self.scalar_embed = MLP(
            [config.embedding_dim],
            mlp.depth,
            mlp.width,
            self.features,
            nonlinearity=mlp.nonlinearity,
            dtype=dtype,
            forward_normalize=config.forward_normalize,
        )
        self.spherical_harmonics = SphericalHarmonics(config.l_max)
        weights = self.channels * self.degrees
        # Columns of these two maps, and the tensor part of the latents, are ordered (degree, channel).
        self.tensor_embed = Linear([self.features], weights, gain=1.0, dtype=dtype, forward_normalize=config.forward_normalize)
        self.first_projection = Linear([self.features], self.features + weights, gain=1.0, dtype=dtype)
        layer_couplings = couplings(config.l_max, config.parity, config.num_layers)
        assert all(dimension(c.irreps_out) > 0 for c in layer_couplings)
        self.layers = nn.ModuleList(AllegroLayer(config, c, k, dtype) for k, c in enumerate(layer_couplings))
        self.readout = HEADS[config.variant](config, dtype)

        scales = torch.tensor(config.per_type("per_type_energy_scales", 1.0), dtype=torch.float64)
        shifts = torch.tensor(config.per_type("per_type_energy_shifts", 0.0), dtype=torch.float64)
        self.scales = nn.Parameter(scales, requires_grad=config.per_type_energy_scales_trainable)
        self.shifts = nn.Parameter(shifts, requires_grad=config.per_type_energy_shifts_trainable)
        self.zbl: nn.Module | None = ZBL(config.atom_types) if config.pair_potential == "zbl" else None

    def forward(self, center_types: Tensor, neighbor_types: Tensor, edge_vectors: Tensor) -> Tensor:
        """Per-atom energies.

        Args:
            center_types: (N,) int64.
            neighbor_types: (N, K) int64, 0 in unused slots.
            edge_vectors: (N, K, 3) float64 in Å, (2 r_max, 0, 0) in unused slots.

        Returns:
            (N,) float64 in eV.
        """
        n, k = neighbor_types.shape[0], neighbor_types.shape[1]
        vectors = edge_vectors.reshape(-1, 3)
        r = torch.sqrt(torch.sum(vectors * vectors, 1))
        pair_types = self.pair_types(center_types, neighbor_types)
        x = r / self.cutoffs[pair_types]
        y = self.spherical_harmonics(vectors / r.unsqueeze(1)).to(self.dtype)
        per_atom_energy = self.energies(center_types, pair_types, self.radial_embed.basis(x), y)
        if self.zbl is not None:
            per_atom_energy = per_atom_energy + self.zbl(r, x, pair_types).view(n, k).sum(1)
        return per_atom_energy

    def pair_types(self, center_types: Tensor, neighbor_types: Tensor) -> Tensor:
        """(E,) int64, type_i nt + type_j of each of the E = N K slots."""
        return (center_types.unsqueeze(1) * self.num_types + neighbor_types).reshape(-1)

    def geometry(self, pair_types: Tensor, edge_vectors: Tensor) -> tuple[EdgeGeometry, Tensor, Tensor]:
        """What the network needs to know of edge vectors (N, K, 3), and the pair potential.

        Returns:
            geometry with derivatives; pair energies (E,) in eV; their derivatives with respect to r (E,) in eV/Å.
        """
        vectors = edge_vectors.reshape(-1, 3)
        r = torch.sqrt(torch.sum(vectors * vectors, 1))
        cutoffs = self.cutoffs[pair_types]
        x = r / cutoffs
        unit_vectors = vectors / r.unsqueeze(1)
        basis, slope = self.radial_embed.basis_with_slope(x)
        y, jacobian = self.spherical_harmonics.with_jacobian(unit_vectors, r)
        geometry = EdgeGeometry(unit_vectors, basis, slope / cutoffs.unsqueeze(1), y.to(self.dtype), jacobian)
        if self.zbl is not None:
            pair_energy, pair_slope = self.zbl.with_slope(r, x, pair_types)
        else:
            pair_energy, pair_slope = torch.zeros_like(r), torch.zeros_like(r)
        return geometry, pair_energy, pair_slope

    def energies(self, center_types: Tensor, pair_types: Tensor, basis: Tensor, harmonics: Tensor) -> Tensor:
        """Per-atom energies without the pair potential.

        Args:
            center_types: (N,) int64.
            pair_types: (E,) int64, E = N K.
            basis: (E, B), from `radial_embed.basis`.
            harmonics: (E, D) in the network's precision.

        Returns:
            (N,) float64 in eV.
        """
        n = center_types.shape[0]
        y = harmonics.view(n, -1, self.components)
        k = y.shape[1]
        h = self.scalar_embed([self.radial_embed(basis, pair_types)])
        w_tensor = self.tensor_embed([h])
        first_scalars, w_environment = torch.split(self.first_projection([h]), [self.features, self.channels * self.degrees], 1)
        scalars = [first_scalars]
        norm = self.environment_norm[center_types].to(self.dtype)

        chain = torch.empty(0, dtype=self.dtype, device=y.device)
        for index, layer in enumerate(self.layers):
            matrices = layer.center_matrices(self.environment(y, w_environment, norm))
            chain = matrices if index == 0 else torch.matmul(chain, matrices)
            t = self.tensor_scalars(y, w_tensor, chain[:, :, :, 0])
            z = layer(scalars, t)
            if index < self.num_layers - 1:
                z, w_environment = torch.split(z, [self.features, self.channels * self.degrees], 1)
            scalars.append(z)

        return self.sum_of_edges(center_types, self.readout(scalars).view(n, k))

    def sum_of_edges(self, center_types: Tensor, edge_energy: Tensor) -> Tensor:
        """Per-atom energies (N,) float64 in eV of edge energies (N, K)."""
        norm = self.environment_norm[center_types].to(self.dtype)
        per_atom_energy = (edge_energy.sum(1) * norm * math.sqrt(0.5)).to(torch.float64)
        return self.shifts[center_types] + self.scales[center_types] * per_atom_energy

    def environment(self, y: Tensor, weights: Tensor, norm: Tensor) -> Tensor:
        """E[u, i, lm] = a_i sum_j w_ij[l, u] Y_ij[lm]. Args: y (N, K, D), weights (N K, R U), norm (N,). Returns (U, N, D)."""
        n, k = y.shape[0], y.shape[1]
        sums = torch.bmm(y.transpose(1, 2), weights.reshape(n, k, self.degrees * self.channels))
        picked = (sums.view(n, self.components, self.degrees, self.channels) * self.degree_mask.unsqueeze(-1)).sum(2)
        return (picked * norm.view(-1, 1, 1)).permute(2, 0, 1)

    def tensor_scalars(self, y: Tensor, weights: Tensor, q: Tensor) -> Tensor:
        """t[e, u] = sum_l w_e[l, u] sum_m Y_e[lm] q[u, i, lm]. Args: y (N, K, D), weights (N K, R U), q (U, N, D). Returns (N K, U)."""
        n, k = y.shape[0], y.shape[1]
        columns = q.permute(1, 2, 0).unsqueeze(2) * self.degree_mask.unsqueeze(-1)
        projected = torch.bmm(y, columns.reshape(n, self.components, self.degrees * self.channels))
        return (projected.view(n * k, self.degrees, self.channels) * weights.view(n * k, self.degrees, self.channels)).sum(1)
