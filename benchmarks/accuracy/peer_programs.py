"""How each peer is told to train for a number of epochs and to predict: commands of its own, run with its own Python.

Keys and options are those of nequip 0.19 with nequip-allegro 0.8 (`nequip-train`) and of mace-torch 0.3.13 (`mace_run_train`,
`mace_eval_configs`).
"""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import ase.io
import numpy as np
import yaml
from ase.data import atomic_numbers

from peer_data import PeerData

#: what all programs share
R_MAX, SEED_LIMIT = 5.0, 2**31 - 1


class Job(NamedTuple):
    """One training of a peer."""

    python: str
    data: PeerData
    frames: Path  #: folder of train.xyz, validation.xyz, test.xyz
    folder: Path  #: of the run
    seed: int
    epochs: int
    batch_size: int


class Program(Protocol):
    """A peer."""

    packages: tuple[str, ...]
    description: str

    def train(self, job: Job) -> list[str]:
        """The command that trains, or goes on with, a job."""

    def finished(self, job: Job) -> bool:
        """Whether a training has left what it must."""

    def predict(self, job: Job) -> list[str] | None:
        """The command that predicts the test frames; None if training does it."""

    def predictions(self, job: Job) -> tuple[list[float], list[np.ndarray] | None]:
        """Energies (eV) and forces (eV/Å) of the test frames."""


class NequIPAllegro:
    """Allegro of the same sizes as `ours`, with the average of weights and the loss that its documentation recommends."""

    packages = ("nequip", "nequip-allegro", "torch")
    description = "l_max 2, 2 layers, 64 scalars, 32 tensors"

    def train(self, job: Job) -> list[str]:
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "config.yaml").write_text(yaml.safe_dump(self.config(job), sort_keys=False))
        command = [job.python, "-m", "nequip.scripts.train", "-cp", str(job.folder.resolve()), "-cn", "config"]
        command += [f"hydra.run.dir={job.folder.resolve()}"]
        # Its writer appends, and a test that was cut is done again.
        self._predicted(job).unlink(missing_ok=True)
        last = job.folder / "last.ckpt"
        return [*command, f"++ckpt_path={last.resolve()}"] if last.is_file() else command

    def config(self, job: Job) -> dict[str, Any]:
        """What `nequip-train` reads."""
        species, folder, forces = job.data.species, str(job.folder.resolve()), job.data.has_forces
        coefficients = {"total_energy_mae": 1.0} | ({"forces_mae": 1.0} if forces else {})
        metrics = {"_target_": f"nequip.train.{'EnergyForceMetrics' if forces else 'EnergyOnlyMetrics'}", "coeffs": coefficients}
        loader = {"_target_": "torch.utils.data.DataLoader", "batch_size": job.batch_size}
        checkpoint = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": folder}
        files = {f"{ours}_file_path": str((job.frames / f"{name}.xyz").resolve()) for ours, name in _NEQUIP_SUBSETS.items()}
        statistics = job.data.statistics
        return {
            "run": ["train", "test"],
            "data": {
                "_target_": "nequip.data.datamodule.ASEDataModule",
                "seed": job.seed,
                **files,
                "transforms": [
                    {"_target_": "nequip.data.transforms.ChemicalSpeciesToAtomTypeMapper", "model_type_names": species},
                    {"_target_": "nequip.data.transforms.NeighborListTransform", "r_max": R_MAX},
                ],
                "train_dataloader": loader | {"shuffle": True},
                "val_dataloader": loader,
                "test_dataloader": loader,
            },
            "trainer": {
                "_target_": "lightning.Trainer",
                "accelerator": "cpu",
                "max_epochs": job.epochs,
                "enable_progress_bar": False,
                "logger": False,
                "callbacks": [
                    checkpoint | {"monitor": "val0_epoch/weighted_sum", "filename": "best", "save_top_k": 1},
                    # The last epoch, whatever its errors: what a run that was cut goes on from.
                    checkpoint | {"filename": "latest", "save_top_k": 1, "save_last": True},
                    {
                        "_target_": "nequip.train.callbacks.TestTimeXYZFileWriter",
                        "out_file": f"{folder}/predicted",
                        "chemical_symbols": species,
                    },
                ],
            },
            "training_module": {
                "_target_": "nequip.train.EMALightningModule",
                "ema_decay": 0.999,
                "loss": {
                    "_target_": "nequip.train.EnergyForceLoss",
                    "per_atom_energy": True,
                    "coeffs": {"total_energy": 1.0, "forces": 1.0},
                }
                if forces
                else {"_target_": "nequip.train.EnergyOnlyLoss", "per_atom_energy": True},
                "val_metrics": metrics,
                "test_metrics": metrics,
                "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.01},
                "lr_scheduler": {
                    "scheduler": {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": job.epochs, "eta_min": 1e-4},
                    "interval": "epoch",
                    "frequency": 1,
                },
                "model": {
                    "_target_": "allegro.model.AllegroModel",
                    "seed": job.seed,
                    "model_dtype": "float32",
                    "type_names": species,
                    "r_max": R_MAX,
                    "l_max": 2,
                    "num_layers": 2,
                    "num_scalar_features": 64,
                    "num_tensor_features": 32,
                    "readout_mlp_hidden_layers_width": 64,
                    "radial_chemical_embed": {
                        "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
                        "num_bessels": 8,
                        "polynomial_cutoff_p": 6,
                    },
                    "avg_num_neighbors": float(statistics.avg_num_neighbors),
                    "per_type_energy_scales": float(statistics.forces_rms or statistics.energy_rms),
                    "per_type_energy_shifts": {s: float(e) for s, e in statistics.reference_energies.items()},
                    "do_derivatives": forces,
                },
            },
        }

    def finished(self, job: Job) -> bool:
        return self._predicted(job).is_file()

    def predict(self, job: Job) -> list[str] | None:
        return None

    def predictions(self, job: Job) -> tuple[list[float], list[np.ndarray] | None]:
        frames = ase.io.read(self._predicted(job), ":")
        forces = [atoms.get_forces() for atoms in frames] if job.data.has_forces else None
        return [atoms.get_potential_energy() for atoms in frames], forces

    def _predicted(self, job: Job) -> Path:
        """What its writer makes of the name `predicted` and its first test set."""
        return job.folder / "predicted_dataset0.xyz"


class MACE:
    """MACE with 64 channels and messages of degree 1; energies count more in the last quarter, as its documentation recommends."""

    packages = ("mace-torch", "e3nn", "torch")
    description = "64x0e + 64x1o, 2 interactions, correlation 3"

    def train(self, job: Job) -> list[str]:
        job.folder.mkdir(parents=True, exist_ok=True)
        references = {atomic_numbers[s]: float(e) for s, e in job.data.statistics.reference_energies.items()}
        options: dict[str, Any] = {
            "name": "mace",
            "seed": job.seed % SEED_LIMIT,
            "work_dir": job.folder.resolve(),
            "train_file": (job.frames / "train.xyz").resolve(),
            "valid_file": (job.frames / "validation.xyz").resolve(),
            "E0s": references,
            "model": "MACE",
            "r_max": R_MAX,
            "num_channels": 64,
            "max_L": 1,
            "device": "cpu",
            "default_dtype": "float32",
            "batch_size": job.batch_size,
            "valid_batch_size": job.batch_size,
            "max_num_epochs": job.epochs,
            "lr": 0.01,
            "ema_decay": 0.99,
            "scaling": "rms_forces_scaling" if job.data.has_forces else "std_scaling",
            # Its losses take forces where there are none too; a weight of 0 leaves them out.
            "forces_weight": 100.0 if job.data.has_forces else 0.0,
            "stage_two_forces_weight": 100.0 if job.data.has_forces else 0.0,
            "start_stage_two": max(1, round(0.75 * job.epochs)),
            "plot": False,
            # It would evaluate all training frames once more after each stage: 24 minutes on QM9, counted as training.
            "skip_evaluate_heads": "Default",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [job.python, "-m", "mace.cli.run_train", *words, "--ema", "--amsgrad", "--stage_two", "--restart_latest"]

    def model(self, job: Job) -> Path:
        """The trained model: of the second stage, or of the first where the run was too short for a second."""
        second = job.folder / "mace_stagetwo.model"
        return second if second.is_file() else job.folder / "mace.model"

    def finished(self, job: Job) -> bool:
        return self.model(job).is_file()

    def predict(self, job: Job) -> list[str] | None:
        options = {"configs": job.frames / "test.xyz", "model": self.model(job), "output": job.folder / "predicted.xyz", "batch_size": 10}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return [job.python, "-m", "mace.cli.eval_configs", *words, "--default_dtype", "float32", "--device", "cpu"]

    def predictions(self, job: Job) -> tuple[list[float], list[np.ndarray] | None]:
        frames = ase.io.read(job.folder / "predicted.xyz", ":")
        forces = [atoms.arrays["MACE_forces"] for atoms in frames] if job.data.has_forces else None
        return [float(atoms.info["MACE_energy"]) for atoms in frames], forces


_NEQUIP_SUBSETS = {"train": "train", "val": "validation", "test": "test"}
PROGRAMS: dict[str, Program] = {"nequip-allegro": NequIPAllegro(), "mace": MACE()}
