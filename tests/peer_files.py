"""Write real files of nequip-allegro with numbers to compare against. Runs in the peer's own environment, which has no qallegro.

    PEER_PYTHON tests/peer_files.py FOLDER [--without-code] [NAME ...]

Each variant is trained for two epochs by the peer's `nequip-train`, packaged by its `nequip-package`, and evaluated by its ASE calculator.
FOLDER gets, for each variant, NAME.ckpt, NAME.nequip.zip and NAME.npz (structures, per-atom energies, forces, stress). A package holds
the peer's source code; with `--without-code` all members but configuration, metadata, pickle and tensors are left out.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

BESSEL = {"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 6}
SPLINE = {"_target_": "allegro.nn.TwoBodySplineScalarEmbed", "num_splines": 8, "spline_span": 6}
ZBL = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal", "chemical_species": ["Cu", "Au"]}
SHIFTS = {"modifier": "modify_PerTypeScaleShift", "shifts": {"Cu": -3.25}, "scales_trainable": True}

#: name -> changes of the model's configuration, and of the run
VARIANTS: dict[str, dict] = {
    "bessel_float32": {"model": {"l_max": 2}},
    "spline_float64": {
        "model": {
            "model_dtype": "float64",
            "radial_chemical_embed": SPLINE,
            "per_type_energy_scales": {"Cu": 1.3, "Au": 0.8},
            "avg_num_neighbors": {"Cu": 14.0, "Au": 17.5},
        }
    },
    "zbl_typed_cutoffs_raw": {
        "model": {
            "type_names": ["my_Cu", "my_Au"],
            "model_dtype": "float64",
            "pair_potential": ZBL,
            "per_edge_type_cutoff": {"my_Cu": 3.6, "my_Au": {"my_Cu": 3.5}},
            "per_type_energy_shifts": {"my_Cu": 0.05, "my_Au": -0.35},
        },
        "module": "NequIPLightningModule",
    },
    "three_layers_trainable": {
        "model": {
            "model_dtype": "float64",
            "num_layers": 3,
            "tp_path_channel_coupling": False,
            "per_type_energy_scales": 1.1,
            "per_type_energy_scales_trainable": True,
            "per_type_energy_shifts_trainable": True,
            "radial_chemical_embed": BESSEL | {"bessel_trainable": True, "polynomial_cutoff_p": 5},
            "radial_chemical_embed_dim": 6,
            "allegro_mlp_nonlinearity": "mish",
            "readout_mlp_hidden_layers_depth": 2,
            "scalar_embed_mlp_hidden_layers_depth": 0,
        }
    },
    "modified": {"model": {"model_dtype": "float64", "per_type_energy_scales": 1.2}, "modifiers": [SHIFTS]},
    "fine_tuned": {"from": "spline_float64", "modifiers": [SHIFTS]},
    "output_normalized": {"model": {"num_layers": 3, "l_max": 2, "parity": False, "forward_normalize": False}},
    "linear_zbl": {
        "model": {
            "pair_potential": ZBL,
            "num_layers": 1,
            "allegro_mlp_nonlinearity": None,
            "scalar_embed_mlp_nonlinearity": None,
            "readout_mlp_nonlinearity": "gelu",
            "l_max": 3,
        }
    },
    "train_compile_mode": {"model": {"compile_mode": "compile", "l_max": 0, "num_layers": 1}},
}


def main(folder: Path, names: list[str], code: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        complete = folder if code else Path(temporary)
        for name in names or list(VARIANTS):
            with tempfile.TemporaryDirectory() as work:
                train(name, complete, Path(work))
            record_numbers(name, complete / f"{name}.ckpt", folder / f"{name}.npz")
            if not code:
                shutil.copy(complete / f"{name}.ckpt", folder)
                strip_code(complete / f"{name}.nequip.zip", folder / f"{name}.nequip.zip")
            print(f"wrote {folder / name}.ckpt, .nequip.zip, .npz", flush=True)


def type_names(name: str) -> list[str]:
    return VARIANTS[name].get("model", {}).get("type_names", ["Cu", "Au"])


def strip_code(package: Path, output: Path) -> None:
    """A package without source code: what an importer reads, and nothing else."""
    kept = ("/model/config.yaml", "/model/package_metadata.txt", "/model/eager_model.pkl", "/byteorder", ".storage")
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as target:
        for member in source.namelist():
            if member.endswith(kept):
                target.writestr(zipfile.ZipInfo(member), source.read(member))


def frames(count: int, seed: int) -> list[Atoms]:
    """Rattled CuAu cells with energies, forces and stress of ASE's effective-medium theory: any smooth reference will do."""
    made = []
    for k in range(count):
        atoms = bulk("Cu", cubic=True, a=3.8) * (1, 1, 1 + k % 2)
        atoms.symbols[np.random.default_rng(seed + k).permutation(len(atoms))[::2]] = "Au"
        atoms.rattle(0.08, seed=seed + k)
        atoms.calc = EMT()
        atoms.get_stress()
        made.append(atoms)
    return made


def samples() -> dict[str, Atoms]:
    """What is compared: periodic, smaller than the cutoff, and without a cell."""
    alloy = frames(2, 77)[1]
    tiny = Atoms("CuAu", cell=[[2.6, 0.2, 0.0], [0.4, 2.7, 0.1], [0.0, -0.3, 3.9]], pbc=True, positions=[[0.1, 0, 0.2], [1.3, 1.4, 1.7]])
    cluster = Atoms("CuAuCu2Au", positions=[[0, 0, 0], [2.5, 0.1, 0], [0.2, 2.4, 0.3], [-0.3, 0.1, 2.6], [2.2, 2.3, 0.5]])
    return {"alloy": alloy, "tiny_cell": tiny, "cluster": cluster}


def train(name: str, folder: Path, work: Path) -> None:
    variant = VARIANTS[name]
    write(work / "frames.xyz", frames(4, 5), format="extxyz")
    if "from" in variant:
        model = {"_target_": "nequip.model.ModelFromPackage", "package_path": str((folder / f"{variant['from']}.nequip.zip").absolute())}
    else:
        model = {
            "_target_": "allegro.model.AllegroModel",
            "seed": 11,
            "model_dtype": "float32",
            "type_names": ["Cu", "Au"],
            "r_max": 4.0,
            "radial_chemical_embed": BESSEL,
            "l_max": 1,
            "num_layers": 2,
            "num_scalar_features": 8,
            "num_tensor_features": 4,
            "scalar_embed_mlp_hidden_layers_width": 8,
            "allegro_mlp_hidden_layers_width": 8,
            "readout_mlp_hidden_layers_width": 8,
            "avg_num_neighbors": "${training_data_stats:num_neighbors_mean}",
            "per_type_energy_shifts": {"Cu": 0.05, "Au": -0.35},
            **variant["model"],
        }
    if "modifiers" in variant:
        model = {"_target_": "nequip.model.modify", "model": model, "modifiers": variant["modifiers"]}
    coefficients = {"total_energy": 1.0, "forces": 1.0, "stress": 1.0}
    loss = {"_target_": "nequip.train.EnergyForceStressLoss", "per_atom_energy": True, "coeffs": coefficients}
    metrics = {"_target_": "nequip.train.EnergyForceMetrics", "coeffs": {"total_energy_mae": 1.0, "forces_mae": 1.0}}
    types = type_names(name)
    species = {"chemical_species_to_atom_type_map": dict(zip(["Cu", "Au"], types, strict=True))}
    module = variant.get("module", "EMALightningModule")
    config = {
        "run": ["train"],
        "data": {
            "_target_": "nequip.data.datamodule.ASEDataModule",
            "seed": 3,
            "split_dataset": {"file_path": str(work / "frames.xyz"), "train": 3, "val": 1},
            "transforms": [
                {"_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper", "model_type_names": types, **species},
                {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": 4.0},
            ],
            "train_dataloader": {"_target_": "torch.utils.data.DataLoader", "batch_size": 1},
            "val_dataloader": {"_target_": "torch.utils.data.DataLoader", "batch_size": 1},
            "stats_manager": {"_target_": "nequip.data.CommonDataStatisticsManager", "type_names": types},
        },
        "trainer": {
            "_target_": "lightning.Trainer",
            "accelerator": "cpu",
            "max_epochs": 2,
            "logger": False,
            "enable_progress_bar": False,
            "callbacks": [{"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": str(work), "save_last": True}],
        },
        "training_module": {
            "_target_": f"nequip.train.{module}",
            **({"ema_decay": 0.6} if module.startswith("EMA") else {}),
            "model": model,
            "loss": loss,
            "val_metrics": metrics,
            "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
        },
        "global_options": {"allow_tf32": False},
        "hydra": {"run": {"dir": str(work)}},
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    bin_folder = Path(sys.executable).parent
    run([str(bin_folder / "nequip-train"), "-cp", str(work), "-cn", "config"], work)
    (work / "last.ckpt").replace(folder / f"{name}.ckpt")
    run([str(bin_folder / "nequip-package"), "build", str(folder / f"{name}.ckpt"), str(folder / f"{name}.nequip.zip")], work)


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")


def record_numbers(name: str, model: Path, output: Path) -> None:
    from nequip.integrations.ase import NequIPCalculator

    species = dict(zip(["Cu", "Au"], type_names(name), strict=True))
    calculator = NequIPCalculator._from_saved_model(str(model), device="cpu", chemical_species_to_atom_type_map=species)
    arrays: dict[str, object] = {}
    for key, atoms in samples().items():
        calculator.calculate(atoms)
        arrays[f"{key}/symbols"] = np.array(atoms.get_chemical_symbols())
        arrays[f"{key}/positions"], arrays[f"{key}/cell"], arrays[f"{key}/pbc"] = atoms.positions, atoms.cell.array, atoms.pbc
        arrays[f"{key}/per_atom_energy"] = calculator.results["energies"]
        arrays[f"{key}/energy"] = calculator.results["energy"]
        arrays[f"{key}/forces"] = calculator.results["forces"]
        if atoms.pbc.all():
            arrays[f"{key}/stress"] = calculator.results["stress"]
    np.savez_compressed(output, **arrays)


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--without-code"]
    if not arguments:
        raise SystemExit(__doc__)
    main(Path(arguments[0]), arguments[1:], code="--without-code" not in sys.argv)
