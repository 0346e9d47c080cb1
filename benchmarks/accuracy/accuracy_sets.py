"""The data sets of the accuracy tables: frames, what the literature reports, and the paper's settings."""

from typing import Any, NamedTuple

from qallegro.data.readers import OWN

#: what "the paper" means everywhere here
PAPER = "Laskaris et al., Comput. Mater. Sci. 270, 114742 (2026)"
ALLEGRO = "Musaelian et al., Nat. Commun. 14, 579 (2023)"
NEQUIP = "Batzner et al., Nat. Commun. 13, 2453 (2022)"
MACE = "Batatia et al., NeurIPS 35, 11423 (2022)"
#: Bulk keeps the cutoff of the preset. In a molecule a longer one adds few edges, and Allegro sees nothing beyond it: 7 Å as in ALLEGRO.
MOLECULE = {"r_max": 7.0}


class Quoted(NamedTuple):
    """A value of the literature; None where it reports none."""

    model: str
    forces_mae: float | None  #: meV/Å
    energy_mae: float | None  #: meV/atom
    source: str


class PaperSetting(NamedTuple):
    """Hyperparameters that the paper reports as its best for a set and a variant."""

    r_max: float
    learning_rate: float
    batch_size: int
    polynomial_cutoff_p: float
    num_layers: int
    readout_width: int
    #: hidden layers of +MLP; or of +QDI: width after the circuit, depth, features
    extra: tuple[int, ...] = ()


class AccuracySet(NamedTuple):
    """One table."""

    title: str
    species: list[str]
    data: dict[str, Any]
    model: dict[str, Any]  #: of `ours`, beyond the preset
    training: dict[str, Any]  #: beyond the preset, in all settings
    judged: str  #: the quantity that claims are made about: "forces" or "energy"
    hours: float  #: of training, unless the command says otherwise
    literature: list[Quoted]
    paper: dict[str, PaperSetting]  #: by variant of `accuracy_settings`
    paper_epochs: int | None
    latency_atoms: int | None  #: in the box whose steps are timed; None: one frame as it is

    @property
    def files(self) -> list[str]:
        """Names of the data files, less those that come with the package."""
        references = self.data.get("reference_energies")
        names = [*self.data["train"], *self.data["test"], *([references["path"]] if isinstance(references, dict) else [])]
        return [name for name in names if not name.startswith(OWN)]


def _rmd17(molecule: str) -> dict[str, Any]:
    files = {subset: [f"rmd17_{molecule}_{subset}_01.xyz.gz"] for subset in ("train", "test")}
    return files | {"split": {"train": 950, "validation": 50}}


SETS: dict[str, AccuracySet] = {
    "aspirin": AccuracySet(
        title="rMD17 aspirin (950 + 50 frames of split 01, its 1000 test frames)",
        species=["C", "H", "O"],
        data=_rmd17("aspirin"),
        model=MOLECULE,
        training={},
        judged="forces",
        hours=3.0,
        literature=[
            Quoted("Allegro", 7.3, None, ALLEGRO),
            Quoted("NequIP", 8.2, None, NEQUIP),
            Quoted("MACE", 6.6, None, MACE),
            Quoted("Allegro", 10.2, 3.6, f"{PAPER}, validation"),
            Quoted("Allegro+MLP", 9.0, 2.6, f"{PAPER}, validation"),
            Quoted("Allegro+QDI", 9.9, 3.2, f"{PAPER}, validation"),
        ],
        paper={
            "allegro": PaperSetting(7.3, 5.36e-3, 3, 6.9, 4, 32),
            "mlp": PaperSetting(7.4, 2.93e-3, 2, 6.7, 3, 16, (1024, 1024)),
            "qdi": PaperSetting(9.5, 1e-3, 1, 6.0, 4, 16, (4, 4, 21)),
        },
        paper_epochs=3000,
        latency_atoms=None,
    ),
    "benzene": AccuracySet(
        title="rMD17 benzene (950 + 50 frames of split 01, its 1000 test frames)",
        species=["C", "H"],
        data=_rmd17("benzene"),
        model=MOLECULE,
        training={},
        judged="forces",
        hours=1.0,
        literature=[
            Quoted("Allegro", 0.2, None, ALLEGRO),
            Quoted("NequIP", 0.3, None, NEQUIP),
            Quoted("MACE", 0.3, None, MACE),
            Quoted("Allegro", 0.43, 0.21, f"{PAPER}, validation"),
            Quoted("Allegro+MLP", 0.28, 0.21, f"{PAPER}, validation"),
            Quoted("Allegro+QDI", 0.30, 0.19, f"{PAPER}, validation"),
        ],
        paper={
            "allegro": PaperSetting(12.0, 1e-3, 1, 5.0, 3, 128),
            "mlp": PaperSetting(12.0, 1e-3, 1, 5.0, 3, 128, (32, 4)),
            "qdi": PaperSetting(12.0, 1e-3, 1, 5.0, 3, 32, (16, 1, 4)),
        },
        paper_epochs=3000,
        latency_atoms=None,
    ),
    "qm9": AccuracySet(
        title="QM9, total electronic energies (9500 + 500 of a subset, 1000 test molecules)",
        species=["C", "H", "N", "O"],
        data={
            "train": ["qm9_train.xyz.gz"],
            "test": ["qm9_valid.xyz.gz"],
            "split": {"validation": 500},
            "keys": {"energy": "energy_elec"},
        },
        model=MOLECULE,
        training={"batch_size": 16, "monitor": "energy_mae"},
        judged="energy",
        hours=1.0,
        literature=[
            Quoted("Allegro", None, 10.3, f"{PAPER}, validation"),
            Quoted("Allegro+MLP", None, 21.4, f"{PAPER}, validation"),
            Quoted("Allegro+QDI", None, 23.3, f"{PAPER}, validation"),
        ],
        paper={
            "allegro": PaperSetting(12.0, 1e-3, 5, 10.0, 3, 32),
            "mlp": PaperSetting(6.2, 1e-3, 2, 5.0, 2, 64, (32, 16)),
            "qdi": PaperSetting(12.0, 1e-3, 5, 10.0, 3, 32, (128, 3, 4)),
        },
        paper_epochs=300,
        latency_atoms=None,
    ),
    "cu_li": AccuracySet(
        title="Cu + Li (mlearn, PBE; 431 + 37 frames, 60 test frames)",
        species=["Cu", "Li"],
        data={
            "train": ["cu_mlearn_train.xyz.gz", "li_mlearn_train.xyz.gz"],
            "test": ["cu_mlearn_test.xyz.gz", "li_mlearn_test.xyz.gz"],
            "split": {"validation": 37},
            "energy_scale": "forces_rms_per_type",
            "avg_num_neighbors": "per_type",
        },
        model={},
        training={"batch_size": 2},
        judged="forces",
        hours=1.0,
        # The paper's Cu-Li set is private and of another functional: its errors are not of these frames.
        literature=[],
        paper={
            "allegro": PaperSetting(12.0, 2e-3, 2, 5.0, 2, 128),
            "mlp": PaperSetting(5.0, 9.35e-4, 1, 10.3, 3, 16, (4, 16)),
            "qdi": PaperSetting(5.0, 4.02e-3, 5, 12.0, 3, 4, (128, 3, 4)),
        },
        paper_epochs=100,
        latency_atoms=500,
    ),
    "cu_li_dft": AccuracySet(
        title="Cu-Li (PBE, the set of the package, tested on groups of structures that no run has seen)",
        species=["Cu", "Li"],
        data={
            "train": [f"{OWN}cu_li"],
            "test": [f"{OWN}cu_li/test"],
            "split": {"from_frames": True},
            "energy_scale": "forces_rms_per_type",
            "avg_num_neighbors": "per_type",
        },
        model={},
        training={"batch_size": 4},
        judged="forces",
        hours=0.25,
        literature=[],
        paper={},
        paper_epochs=None,
        latency_atoms=500,
    ),
    "3bpa": AccuracySet(
        title="3BPA (450 + 50 frames at 300 K, tested on mixed temperatures)",
        species=["C", "H", "N", "O"],
        data={
            "train": ["3bpa_train_300K.xyz.gz"],
            "test": ["3bpa_test_mixedT.xyz.gz"],
            "split": {"train": 450, "validation": 50},
            "reference_energies": {"path": "botnet_isolated_atoms.xyz.gz", "index": ":4"},
        },
        model=MOLECULE,
        training={},
        judged="forces",
        hours=1.0,
        literature=[],
        paper={},
        paper_epochs=None,
        latency_atoms=None,
    ),
    "si": AccuracySet(
        title="Si (mlearn, PBE; 197 + 17 frames, 25 test frames)",
        species=["Si"],
        data={"train": ["si_mlearn_train.xyz.gz"], "test": ["si_mlearn_test.xyz.gz"], "split": {"validation": 17}},
        model={},
        training={"batch_size": 2},
        judged="forces",
        hours=1.0,
        literature=[],
        paper={},
        paper_epochs=None,
        latency_atoms=500,
    ),
}
