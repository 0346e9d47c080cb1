"""Make a MACE model with random weights. Runs in the environment of MACE, in a process of its own.

The model is `ScaleShiftMACE` with the default hyperparameters of `mace_run_train` except for hidden irreps and precision, for the species
of the models of Allegro (Cu and Li); it is saved whole by `torch.save`, as training does.
"""

import sys

import numpy as np
import torch
from mace import modules

R_MAX = 5.0
#: mean number of neighbors of copper_crystal.py: it scales sums, time does not depend on it
NEIGHBORS = 42.6


def make(hidden_irreps: str) -> torch.nn.Module:
    # Only after MACE, which makes torch 2.6 and newer read the constants of this e3nn.
    from e3nn import o3

    torch.manual_seed(1)
    torch.set_default_dtype(torch.float32)
    return modules.ScaleShiftMACE(
        r_max=R_MAX,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=2,
        hidden_irreps=o3.Irreps(hidden_irreps),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.zeros(2),
        avg_num_neighbors=NEIGHBORS,
        atomic_numbers=[3, 29],
        correlation=3,
        gate=torch.nn.functional.silu,
        radial_type="bessel",
        radial_MLP=[64, 64, 64],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )


if __name__ == "__main__":
    torch.save(make(sys.argv[1]), sys.argv[2])
