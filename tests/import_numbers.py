"""Compare an imported model with the numbers that the peer's own calculator wrote (see peer_files.py)."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from qallegro.model.potential import Potential
from systems import make_batch
from tolerances import PARITY


def check_against_peer(potential: Potential, numbers: Path) -> None:
    """Per-atom energies, energy, forces and stress of every structure in `numbers`, within the tolerance of the network's precision."""
    tolerance = PARITY[potential.config.dtype]
    with np.load(numbers, allow_pickle=False) as data:
        structures = sorted({name.split("/")[0] for name in data.files})
        assert structures == ["alloy", "cluster", "tiny_cell"]
        for name in structures:
            expected = {key.split("/")[1]: data[key] for key in data.files if key.startswith(f"{name}/")}
            atoms = Atoms(expected["symbols"], positions=expected["positions"], cell=expected["cell"], pbc=expected["pbc"])
            batch = make_batch([atoms], potential.config)
            result = potential.predict(batch)
            scale = max(float(np.abs(expected["per_atom_energy"]).max()), 1.0)
            np.testing.assert_allclose(
                result.per_atom_energy, expected["per_atom_energy"].ravel(), rtol=0, atol=tolerance.energy * scale, err_msg=name
            )
            total = tolerance.energy * scale * len(atoms)
            np.testing.assert_allclose(result.energy[0], expected["energy"], rtol=0, atol=total, err_msg=name)
            np.testing.assert_allclose(result.forces, expected["forces"], rtol=0, atol=tolerance.forces, err_msg=name)
            if "stress" in expected:
                stress = full_3x3_to_voigt_6_stress((-result.virial[0] / batch.volume[0]).numpy())
                np.testing.assert_allclose(stress, expected["stress"], rtol=0, atol=tolerance.stress, err_msg=name)
