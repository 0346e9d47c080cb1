"""Put the best weights of a finished run into the package, with record and card, where `qallegro models get` finds them.

python benchmarks/accuracy/keep_model.py RUN NAME --about "..." --data "..." --domain "..."
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from safetensors.torch import save as safetensors_bytes

from qallegro.errors import ModelError, QAllegroError
from qallegro.model.checkpoint import load_model
from qallegro.models import store


class Text(NamedTuple):
    """What a person must say of a model."""

    about: str  #: what it is, in a line
    data: str  #: origin and level of theory of its frames
    domain: str  #: what it may be used for, and what not


def keep(run: Path, name: str, text: Text, folder: Path = store.FOLDER) -> store.Stored:
    """Write a model's folder, whole or not at all; one of that name is replaced.

    Args:
        run: folder of a finished run.
        name: of the model.
        text: for the card.
        folder: of all models.

    Raises:
        ModelError: the run is not finished, or its weights are too large for the package.
    """
    try:
        metrics = json.loads((run / "test_metrics.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"a model to keep must come from a finished run with test frames, `{run}` is none: {error}") from error
    if "test" not in metrics:
        raise ModelError(f"a model to keep must have errors of test frames, `{run}` has none; train with `data.test`")
    potential, provenance = load_model(run / "model.pth")
    novelty = {store.NOVELTY + name: tensor for name, tensor in provenance.pop("novelty", {}).items()}
    weights = safetensors_bytes({name: tensor.contiguous() for name, tensor in (potential.state_dict() | novelty).items()})
    record = {
        "format": store.FORMAT,
        "format_version": store.FORMAT_VERSION,
        "about": text.about,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "config": potential.config.model_dump(mode="json"),
        "errors": {subset: metrics[subset] for subset in ("validation", "test")},
        "training": {"seconds": metrics["seconds"], "steps": metrics["steps"], "epoch": metrics["epoch"]},
        "provenance": without_places(provenance),
    }
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as place:
        made = Path(place) / name
        made.mkdir()
        (made / store.WEIGHTS).write_bytes(weights)
        (made / store.RECORD).write_text(json.dumps(record, allow_nan=False) + "\n")
        (made / store.CARD).write_text(card(name, text, record, sum(p.numel() for p in potential.parameters() if p.requires_grad)))
        size = sum(path.stat().st_size for path in made.iterdir())
        if size > store.SIZE_LIMIT:
            raise ModelError(f"files of a model must take at most {store.SIZE_LIMIT:,} bytes, got {size:,}; train a smaller one")
        shutil.rmtree(folder / name, ignore_errors=True)
        made.rename(folder / name)
    return store.find(name, folder)


def without_places(provenance: dict[str, Any]) -> dict[str, Any]:
    """Provenance that tells names and hashes of files, not where they lay."""
    data = {key: value for key, value in provenance["config"]["data"].items() if key not in ("root", "cache")}
    files = [file | {"path": Path(file["path"]).name} for file in provenance["data_files"]]
    result = provenance | {"config": provenance["config"] | {"data": data}, "data_files": files}
    if "started_from" in provenance:
        origin = provenance["started_from"] | {"model": Path(provenance["started_from"]["model"]).name}
        result |= {"started_from": origin, "config": result["config"] | {"start_from": origin["model"]}}
    return result


def card(name: str, text: Text, record: dict[str, Any], weights: int) -> str:
    """The card in Markdown."""
    provenance, config = record["provenance"], record["provenance"]["config"]
    frames = ", ".join(f"{count} {subset}" for subset, count in provenance["frames"].items() if count)
    files = "\n".join(f"* `{file['path']}`, SHA-256 `{file['sha256']}`" for file in provenance["data_files"])
    minutes = record["training"]["seconds"] / 60.0
    rows = []
    for subset in ("validation", "test"):
        errors = record["errors"][subset]
        forces = errors.get("forces")
        cells = [errors["energy"]["mae_meV_per_atom"], errors["energy"]["rmse_meV_per_atom"]]
        cells += [forces["mae_meV_per_angstrom"], forces["rmse_meV_per_angstrom"]] if forces else ["-", "-"]
        cells.append(errors["stress"]["mae_GPa"] if "stress" in errors else "-")
        rows.append(f"| {subset} | " + " | ".join(c if isinstance(c, str) else f"{c:.3g}" for c in cells) + " |")
    hyperparameters = yaml.safe_dump(config["model"], sort_keys=False, allow_unicode=True).rstrip()
    training = yaml.safe_dump(config["training"], sort_keys=False, allow_unicode=True).rstrip()
    versions = ", ".join(f"{key} {value}" for key, value in provenance["trained_with"].items())
    start = provenance.get("started_from")
    before = "" if start is None else f" It started from the weights of {start['model']} (SHA-256 `{start['sha256'][:16]}...`)."
    return f"""# {name}

{text.about}

## Domain

{text.domain}

## Errors

| frames | energy MAE (meV/atom) | RMSE | force MAE (meV/Å) | RMSE | stress MAE (GPa) |
|---|---|---|---|---|---|
{chr(10).join(rows)}

The weights are those of the best validation; no test frame was seen in training.

## Data

{text.data}

{frames} frames of

{files}

## Settings

{weights:,} weights, {minutes:.1f} minutes of training, {record["training"]["steps"]:,} steps.{before} Trained with {versions}.

```yaml
seed: {config["seed"]}
model:
{_indented(hyperparameters)}
training:
{_indented(training)}
```

## Use

```
qallegro models get {name} -o {name}.pth              # checkpoint
qallegro models get {name} -o {name}.qallegro.pth     # exported, for LAMMPS and ASE
```
"""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("name", help="of the model")
    parser.add_argument("--about", required=True, help="what it is, in a line")
    parser.add_argument("--data", required=True, help="origin and level of theory of its frames")
    parser.add_argument("--domain", required=True, help="what it may be used for, and what not")
    arguments = parser.parse_args()
    try:
        stored = keep(arguments.run, arguments.name, Text(arguments.about, arguments.data, arguments.domain))
    except QAllegroError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {stored.folder.name}: {stored.size:,} bytes")


if __name__ == "__main__":
    main()
