"""One trial in a process of its own: `python -m qallegro.tuning.trial_process`, a request (JSON, one line) on standard input.

Answers are lines of JSON: {"stage": ...} as it goes on, and at last {"outcome": ...}. Whatever kills this process ends the trial and no
more; and it ends itself, with all that it has started, when its standard input closes, as it does when the worker is killed.
"""

import errno
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from qallegro.errors import QAllegroError

Say = Callable[[dict[str, Any]], None]


def potential_of(model: dict[str, Any], species: dict[str, Any], seed: int) -> Any:
    """A model with random weights. Numbers that the training set would give are stand-ins: they do not change what it costs."""
    from qallegro.model.build import build_potential
    from qallegro.model.config import ModelConfig

    given = {key: value for key, value in model.items() if value is not None}
    return build_potential(ModelConfig.model_validate({**species, **given}), seed)


def export_random(potential: Any, path: Path, folder: Path) -> None:
    """The exported file of a model that is not trained."""
    from qallegro.export.exporter import export_model
    from qallegro.model.checkpoint import save_model

    checkpoint, exported = folder / f"{path.stem}.model.pth", folder / f"{path.stem}.exported.qallegro.pth"
    save_model(checkpoint, potential, {})
    export_model(checkpoint, exported)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Workers that share a folder may make the same file at once; each puts a whole one in place.
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    temporary.write_bytes(exported.read_bytes())
    os.replace(temporary, path)


def reference(request: dict[str, Any], say: Say) -> dict[str, Any]:
    """Make the reference model and time it alone."""
    import numpy as np

    from qallegro.tuning.timing import one_turn

    with tempfile.TemporaryDirectory(prefix="qallegro-tune-") as scratch:
        folder, path = Path(scratch), Path(request["reference"])
        sites = _reference(request, path, folder)
        settings, species = request["latency"], request["species"]["atom_types"]
        turns = [one_turn(path, sites, species, settings, folder / f"turn-{k}")[0] for k in range(settings["turns"])]
    return {"outcome": "measured", "latency": float(np.median(turns)), "low": min(turns), "high": max(turns)}


def _reference(request: dict[str, Any], path: Path, folder: Path) -> Path:
    """The reference model's file if it is not there yet, and the structure that it moves."""
    from qallegro.tuning.timing import sites_of

    if not path.is_file():
        export_random(potential_of(request["reference_model"], request["species"], 0), path, folder)
    r_max, species = request["reference_model"]["r_max"], request["species"]["atom_types"]
    place = folder / "reference"
    place.mkdir()
    return sites_of(request["structure"], request["latency"]["structure"], r_max, species, request["latency"]["atoms"], place)


def trial(request: dict[str, Any], say: Say) -> dict[str, Any]:
    """Build, count, time, and, if the constraints are kept, train and export."""
    from qallegro.export.exporter import export_model
    from qallegro.training.load_config import check_config
    from qallegro.training.run import train

    config = check_config(request["content"], "this trial's training configuration")
    potential = potential_of(config.model, request["species"], config.seed)
    parameters = sum(p.numel() for p in potential.parameters() if p.requires_grad)
    say({"stage": "timing" if request["measure"] else "training", "parameters": parameters})
    latency = _latency(request, potential) if request["measure"] else None
    broken = _broken(request["constraints"], parameters, latency)
    measured = {"parameters": parameters, "latency": latency}
    if broken:
        return {"outcome": "infeasible", "reason": broken, **measured}
    folder = Path(request["folder"])
    say({"stage": "training", **measured})
    result = train(config, folder)
    say({"stage": "exporting", **measured})
    (folder / "last.ckpt").unlink(missing_ok=True)
    exported = export_model(result.folder.model)
    metrics = {"metrics": result.metrics["validation"], "seconds": result.metrics["seconds"]}
    return {"outcome": "finished", "model": str(result.folder.model), "exported": str(exported.path), **metrics, **measured}


def _latency(request: dict[str, Any], potential: Any) -> dict[str, Any]:
    from qallegro.tuning.timing import latency_beside, sites_of

    settings, species = request["latency"], request["species"]["atom_types"]
    with tempfile.TemporaryDirectory(prefix="qallegro-tune-") as scratch:
        folder, path = Path(scratch), Path(request["reference"])
        beside = (path, _reference(request, path, folder))
        own = folder / "random.qallegro.pth"
        export_random(potential, own, folder)
        sites = sites_of(request["structure"], settings["structure"], potential.config.r_max, species, settings["atoms"], folder)
        return latency_beside((own, sites), beside, species, settings, request["reference_latency"], folder)


def _broken(constraints: dict[str, Any], parameters: int, latency: dict[str, Any] | None) -> str | None:
    broken = []
    if constraints["parameters"] is not None and parameters > constraints["parameters"]:
        broken.append(f"{parameters} parameters, at most {constraints['parameters']} allowed")
    if constraints["latency"] is not None and latency is not None and latency["median"] > constraints["latency"]:
        broken.append(f"latency {latency['median']:.3g} µs an atom and step, at most {constraints['latency']:g} allowed")
    return "; ".join(broken) or None


def _failure(error: BaseException) -> dict[str, Any]:
    """What a failed trial leaves as its reason."""
    here: BaseException | None = error
    while here is not None:
        if isinstance(here, OSError) and here.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"outcome": "disk_full", "reason": f"{here.strerror}: {here.filename or 'while writing'}"}
        here = here.__cause__ or here.__context__
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    # torch writes archives in C++, which tells of a full disk in words alone.
    if "no space left" in text.lower() or "file write failed" in text.lower():
        return {"outcome": "disk_full", "reason": text}
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text.lower():
        return {"outcome": "failed", "reason": f"out of memory: {text}"}
    if isinstance(error, QAllegroError):
        return {"outcome": "failed", "reason": str(error).strip()}
    traceback.print_exc()
    return {"outcome": "failed", "reason": f"{type(error).__name__}: {text}"}


def _end_with_worker(stdin: TextIO) -> None:
    stdin.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Answer one request."""
    # Only answers go out through the pipe: whatever libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")

    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_worker, args=(sys.stdin,), daemon=True).start()
    try:
        answer = {"trial": trial, "reference": reference}[request["do"]](request, say)
    except Exception as error:
        answer = _failure(error)
    say(answer)
    answers.close()
    # Threads of libraries, and the one that waits for the worker, are of no further use.
    os._exit(0)


if __name__ == "__main__":
    main()
