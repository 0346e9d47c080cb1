"""The novelty of atoms against the errors of their forces, on a labelled set that reaches beyond what a model was trained on.

python benchmarks/uncertainty/novelty.py model.pth --train 3bpa_train_300K.xyz.gz --test 3bpa_test_mixedT.xyz.gz -o novelty
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from qallegro.data.neighbors import neighbor_table
from qallegro.data.readers import atoms_of
from qallegro.data.sample import Sample
from qallegro.latency.plot_style import SERIES, save, styled
from qallegro.model.checkpoint import load_model
from qallegro.model.potential import Potential
from qallegro.uncertainty.latents import Latents
from qallegro.uncertainty.novelty import NoveltyScale, novelty_scale
from qallegro_ase import QAllegroCalculator

EDGES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, np.inf])


def scale_of(potential: Potential, train: Path) -> NoveltyScale:
    """The scale of a file of training frames, for models that were trained before scales were kept."""
    config, latents = potential.config, Latents(potential)
    samples = []
    for atoms in atoms_of(train):
        types = latents.types(atoms)
        table = neighbor_table(atoms.positions, atoms.cell.array, atoms.pbc, config.r_max, types, np.array(config.cutoffs()))
        samples.append(Sample(types, table, config.r_max, np.nan, np.nan, np.zeros((len(atoms), 3)), np.zeros((3, 3))))
    return novelty_scale(potential, samples)


def novelty_and_errors(model: Path, train: Path | None, test: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of each atom of the test set: novelty, and error of the force in eV/Å."""
    potential, provenance = load_model(model)
    scale = NoveltyScale.from_tensors(provenance["novelty"]) if train is None else scale_of(potential, train)
    latents, calculator = Latents(potential), QAllegroCalculator(model)
    novelty, errors = [], []
    for atoms in atoms_of(test):
        truth = atoms.get_forces()
        calculator.calculate(atoms)
        novelty.append(scale.novelty(latents(atoms), latents.types(atoms)))
        errors.append(np.linalg.norm(calculator.results["forces"] - truth, axis=1))
    return np.concatenate(novelty), np.concatenate(errors)


def table(novelty: np.ndarray, errors: np.ndarray) -> str:
    """Errors of classes of novelty, as Markdown."""
    rows = ["| novelty | atoms | mean error of the force (eV/Å) | nine tenths are below |", "|---|---|---|---|"]
    for low, high in zip(EDGES[:-1], EDGES[1:], strict=True):
        own = errors[(novelty > low) & (novelty <= high)]
        if len(own):
            name = f"above {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"
            rows.append(f"| {name} | {len(own):,} | {own.mean():.3f} | {np.quantile(own, 0.9):.3f} |")
    return "\n".join(rows)


def draw(novelty: np.ndarray, errors: np.ndarray) -> Figure:
    """Every atom, and means of twentieths."""
    with styled():
        figure = Figure(figsize=(6.0, 4.0))
        axes = figure.subplots()
        axes.loglog(novelty, errors, ".", color=SERIES[0], ms=2, alpha=0.25, rasterized=True)
        parts = np.array_split(np.argsort(novelty), 20)
        axes.loglog(
            [novelty[part].mean() for part in parts],
            [np.sqrt(np.mean(errors[part] ** 2)) for part in parts],
            "o-",
            color=SERIES[1],
            ms=4,
            label="RMS error of a twentieth of the atoms",
        )
        axes.axvline(1.0, color=SERIES[2], lw=1.0, label="farthest atom of the training set")
        axes.set(xlabel="novelty", ylabel="error of the force (eV/Å)", ylim=(max(errors.min(), 1e-3), None))
        axes.legend(loc="upper left")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint")
    parser.add_argument("--train", type=Path, help="frames to take the scale from; that of the checkpoint if not given")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("novelty"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    novelty, errors = novelty_and_errors(options.model, options.train, options.test)
    text = table(novelty, errors)
    (options.output / "novelty.md").write_text(text + "\n")
    print(text)
    print(f"correlation of the logarithms {np.corrcoef(np.log(novelty), np.log(errors))[0, 1]:.2f}")
    save(draw(novelty, errors), options.output / "novelty.png")


if __name__ == "__main__":
    main()
