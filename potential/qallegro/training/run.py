"""A training run from configuration to tested model. Everything it leaves lies in one folder."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from rich.console import Console

from qallegro.data.reference_data import CutoffTable, ReferenceData, load_reference_data
from qallegro.errors import ConfigError, DataError, TrainingError
from qallegro.model.build import build_potential
from qallegro.model.checkpoint import load_model, save_model
from qallegro.model.config import ModelConfig
from qallegro.model.potential import Potential
from qallegro.native.engine import Predict, choose_engine
from qallegro.training.callbacks import EpochReport, LastCheckpoint, Reporter
from qallegro.training.config import RunConfig
from qallegro.training.evaluate import evaluate_samples
from qallegro.training.feature_norm import with_feature_norm
from qallegro.training.fine_tuning import Start, open_start
from qallegro.training.history import CsvHistory, TensorBoardHistory, read_history
from qallegro.training.load_config import checked_model
from qallegro.training.loader import FrameLoader
from qallegro.training.module import TrainingModule
from qallegro.training.predictors import from_potential
from qallegro.training.progress import ProgressDisplay
from qallegro.training.provenance import git_commit, versions
from qallegro.training.run_folder import RunFolder, check_same_run, progress_of, recorded_model, starting_point, write_start
from qallegro.whole_file import write_text


class Result(NamedTuple):
    """What a finished run gave."""

    folder: RunFolder
    metrics: dict[str, Any]  #: content of `test_metrics.json`: errors of the best weights on validation and test frames


def train(config: RunConfig, folder: str | Path, resume: bool = False, console: Console | None = None) -> Result:
    """Train a potential.

    Args:
        config: see `load_config`.
        folder: where the run keeps its files; must be empty or absent unless `resume`.
        resume: go on from the folder's last checkpoint; from the start if it has none yet.
        console: where to report; silent if not given.

    Raises:
        ConfigError: the folder is taken, or the configuration differs from that of the run to resume, or from the model to start from.
        ModelError: the model to start from cannot be read.
        DataError: see `load_reference_data`.
        TrainingError: the loss is no number any more, or a signal stopped the run.
    """
    run = RunFolder(Path(folder))
    first = rank_zero_only.rank == 0
    console = console if console is not None and first else Console(quiet=True)
    checkpoint = starting_point(run, resume, first)
    start = None if config.start_from is None else open_start(config.start_from, config.model)
    species, cutoffs = _species_and_cutoffs(config, start)
    with console.status("reading reference data ..."), warnings.catch_warnings():
        if not first:
            warnings.simplefilter("ignore")
        data = load_reference_data(
            config.data,
            cutoffs,
            species,
            required=[q for q in ("forces", "stress") if any(w not in ("auto", 0.0) for w in config.training.loss.ends(q))],
            unwanted=[q for q in ("forces", "stress") if config.training.loss.ends(q) == (0.0, 0.0)],
        )
    recorded = None if checkpoint is None else recorded_model(run)
    if start is None:
        model_config = with_feature_norm(resolve_model(config, data), data.samples["train"], config.seed, recorded)
    else:
        start = start.at_energies(start.shifts_for(data) if recorded is None else recorded["per_type_energy_shifts"])
        model_config = start.config
    resolved = config.model_dump(mode="json") | {"model": model_config.model_dump(mode="json")}
    provenance = {
        "trained_with": versions(),
        "git_commit": git_commit(),
        "config": resolved,
        **({} if start is None else {"started_from": start.origin}),
        "statistics": data.statistics.record(),
        "data_files": data.splits["files"],
        "frames": {subset: len(samples) for subset, samples in data.samples.items()},
    }
    if first and checkpoint is not None:
        check_same_run(run, resolved, data)
    done = progress_of(checkpoint)
    potential = build_potential(model_config, config.seed) if start is None else start.potential()
    reporters: list[Reporter] = []
    callbacks = [EpochReport(reporters), LastCheckpoint(run.checkpoint, config.training.checkpoint_every_steps)]
    trainer = _trainer(config, callbacks)
    loaders = _loaders(config, data, trainer)
    engine, predict = choose_engine(potential, config.training.engine, trainer.strategy.root_device)
    module = _module(config, run, data, potential, provenance, predict)
    if first:
        write_start(run, resolved, data, provenance)
        _describe(console, run, data, potential, engine)
        if start is not None:
            console.print(f"weights to start from: those of {config.start_from}", highlight=False, markup=False, soft_wrap=True)
        _add_reporters(config, run, module, trainer, reporters, console, done.steps)
    # Lightning looks at limits after a step: a run that one has ended would go beyond it.
    if done.finished(config.training):
        steps, seconds = done.steps, done.seconds
        console.print(f"a limit ended this run after {steps} steps: nothing is left to train", highlight=False)
    else:
        _fit(module, trainer, loaders, checkpoint)
        steps, seconds = module.global_step, module.clock.elapsed
    if not first:
        return Result(run, {})
    trained = {"steps": steps, "seconds": round(seconds, 1)}
    return Result(run, _finish(run, data, trained, config, trainer.strategy.root_device, console))


def _fit(module: TrainingModule, trainer: L.Trainer, loaders: tuple[FrameLoader, FrameLoader], checkpoint: Path | None) -> None:
    try:
        trainer.fit(module, *loaders, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as stop:  # Lightning's way to end after Ctrl-C, and at the end of an epoch after SIGTERM
        raise TrainingError(f"training was stopped by a signal at step {module.global_step}; go on with `--resume`") from stop


def _species_and_cutoffs(config: RunConfig, start: Start | None) -> tuple[list[str] | None, CutoffTable]:
    if start is None:
        return config.model.get("atom_types"), CutoffTable(config.model["r_max"], config.model.get("per_edge_type_cutoff"))
    return start.config.atom_types, CutoffTable(start.config.r_max, start.config.per_edge_type_cutoff)


def resolve_model(config: RunConfig, data: ReferenceData) -> ModelConfig:
    """The model section, with what it leaves open taken from the training set.

    Raises:
        ConfigError: the section does not fit the species of the data.
        DataError: an energy scale is asked for that the labels cannot give.
    """
    statistics = data.statistics
    kind = config.data.energy_scale or ("forces_rms" if "forces" in data.quantities else "energy_rms")
    scales = {
        "forces_rms": statistics.forces_rms,
        "forces_rms_per_type": statistics.forces_rms_per_type,
        "energy_rms": statistics.energy_rms,
        "none": 1.0,
    }[kind]
    if scales is None:
        raise DataError(f"`data.energy_scale` must suit the labels, got {kind} without forces in the training set; use energy_rms")
    # Perfect crystals have no forces, and one atom a cell has no spread: the scale must stay a number to multiply by.
    scales = {s: v or 1.0 for s, v in scales.items()} if isinstance(scales, dict) else scales or 1.0
    neighbors = statistics.avg_num_neighbors_per_type if config.data.avg_num_neighbors == "per_type" else statistics.avg_num_neighbors
    neighbors = {s: v or 1.0 for s, v in neighbors.items()} if isinstance(neighbors, dict) else neighbors or 1.0
    from_data = {
        "atom_types": data.atom_types,
        "avg_num_neighbors": neighbors,
        "per_type_energy_scales": scales,
        "per_type_energy_shifts": statistics.reference_energies,
    }
    given = {key: value for key, value in config.model.items() if value is not None}
    return checked_model(from_data | given, "`model` must fit the data")


def _module(
    config: RunConfig, run: RunFolder, data: ReferenceData, potential: Potential, provenance: dict[str, Any], predict: Predict
) -> TrainingModule:
    training = config.training
    steps_per_epoch = -(-len(data.samples["train"]) // training.batch_size)
    total_steps = min(training.max_epochs * steps_per_epoch, training.max_steps or training.max_epochs * steps_per_epoch)

    def save_best(epoch: int) -> None:
        if rank_zero_only.rank == 0:
            save_model(run.model, potential, provenance | {"epoch": epoch, "sample_frames": data.sample_frames})

    return TrainingModule(potential, training, data.quantities, total_steps, save_best, predict)


def _trainer(config: RunConfig, callbacks: list[L.Callback]) -> L.Trainer:
    place = config.trainer
    _quiet_lightning()
    try:
        return L.Trainer(
            # Lightning's own choice may be Apple's MPS, which has no float64, and geometry needs that.
            accelerator=("cuda" if torch.cuda.is_available() else "cpu") if place.accelerator == "auto" else place.accelerator,
            devices=place.devices,
            num_nodes=place.num_nodes,
            strategy=place.strategy,
            deterministic=place.deterministic,
            max_epochs=config.training.max_epochs,
            check_val_every_n_epoch=config.training.validate_every,
            gradient_clip_val=config.training.gradient_clip,
            callbacks=callbacks,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            # Forces are derivatives: inference mode would forbid them. Loaders deal frames out themselves.
            inference_mode=False,
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise ConfigError(f"`trainer` must suit this machine: {error}") from error


def _loaders(config: RunConfig, data: ReferenceData, trainer: L.Trainer) -> tuple[FrameLoader, FrameLoader]:
    train, validation = data.samples["train"], data.samples["validation"]
    if len(train) < trainer.world_size:
        raise ConfigError(f"`trainer.devices` must not exceed the {len(train)} training frames, got {trainer.world_size}")
    size, share = config.training.batch_size, {"rank": trainer.global_rank, "world_size": trainer.world_size}
    return (
        FrameLoader(train, size, config.seed, **share),
        FrameLoader(validation, config.training.validation_batch_size or 2 * size, None, **share),
    )


def _add_reporters(
    config: RunConfig,
    run: RunFolder,
    module: TrainingModule,
    trainer: L.Trainer,
    reporters: list[Reporter],
    console: Console,
    first_step: int,
) -> None:
    place = config.trainer
    reporters.append(CsvHistory(run.history, first_step))
    if place.tensorboard:
        reporters.append(TensorBoardHistory(run.tensorboard, first_step))
    if place.progress != "none" and not console.quiet:
        bar = place.progress == "bar" or (place.progress == "auto" and console.is_terminal)
        display = ProgressDisplay(console, bar, module)
        reporters.append(display)
        trainer.callbacks.insert(0, display)


def _finish(
    run: RunFolder, data: ReferenceData, trained: dict[str, float], config: RunConfig, device: torch.device, console: Console
) -> dict[str, Any]:
    """Add the scale of novelty to the best weights, test them, draw the plots."""
    from qallegro.training import plots as draw
    from qallegro.training.report import error_table
    from qallegro.uncertainty.novelty import novelty_scale

    potential, provenance = load_model(run.model)
    with console.status("learning what the training set looks like ..."):
        scale = novelty_scale(potential, data.samples["train"])
        save_model(run.model, potential, provenance | {"novelty": scale.tensors()})
    plots = config.trainer.plots
    predictor = from_potential(potential.to(device), device, engine=config.training.engine)
    metrics: dict[str, Any] = {"model": "model.pth", "epoch": provenance["epoch"], **trained}
    with console.status("testing the best weights ..."):
        for subset in ("validation", "test"):
            if data.samples[subset]:
                evaluation = evaluate_samples(predictor, data.samples[subset])
                metrics[subset] = evaluation.errors.record()
                if plots:
                    draw.plot_parity(evaluation, run.plots / f"parity_{subset}.png", f"{subset} ({len(data.samples[subset])} frames)")
                console.print(error_table(evaluation.errors, f"{subset} ({len(data.samples[subset])} frames)"))
        if plots:
            draw.plot_training(read_history(run.history), run.plots / "training.png")
    write_text(run.metrics, json.dumps(metrics, indent=2) + "\n")
    shown = f"; plots in {run.plots}" if plots else ""
    console.print(f"best weights, of epoch {provenance['epoch']}: [bold]{run.model}[/]{shown}", highlight=False)
    return metrics


def _describe(console: Console, run: RunFolder, data: ReferenceData, potential: Potential, engine: str) -> None:
    s, model = data.statistics, potential.config
    frames = ", ".join(f"{len(samples)} {subset}" for subset, samples in data.samples.items() if samples)
    console.print(f"run [bold]{run.path}[/]: {frames} frames; training on {', '.join(data.quantities)}", highlight=False)
    console.print(
        f"species {' '.join(data.atom_types)}; {s.avg_num_neighbors:.1f} neighbors within {model.r_max:g} Å (at most {s.max_num_neighbors})"
        + (f"; shortest distance {s.min_distance:.2f} Å" if s.min_distance else "")
        + (f"; forces {s.forces_rms:.3f} eV/Å rms" if s.forces_rms else ""),
        highlight=False,
    )
    weights = sum(p.numel() for p in potential.parameters() if p.requires_grad)
    readout = potential.network.readout.description
    console.print(f"{weights:,} weights to train with engine {engine}; edge readout: {readout}", highlight=False)


def _quiet_lightning() -> None:
    """Lightning's notes on hardware and on workers that this loader does not have are none of the user's business."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\.")
    warnings.filterwarnings("ignore", message=r".*does not have many workers.*")
