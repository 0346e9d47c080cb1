"""The files that are run: exported potentials of qallegro, compiled models of the peer, with the same weights."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from qallegro.export.exporter import export_model
from qallegro.export.peer_weights import potential_from_peer
from qallegro.model.checkpoint import save_model

from quantum_layer_benchmark import machine, make_case, make_potential

FOLDER = Path(__file__).parent


class UnavailableError(RuntimeError):
    """A candidate cannot be measured; the message says why."""


class PeerVariant(NamedTuple):
    """One way to compile the peer's model. Args: threads: while compiling; None leaves it to torch, which takes all cores."""

    kind: str
    threads: int | None
    suffix: str


PEER_VARIANTS = {
    "weights": PeerVariant("weights", 1, ".npz"),
    "aoti-1": PeerVariant("aotinductor", 1, ".nequip.pt2"),
    "aoti": PeerVariant("aotinductor", None, ".nequip.pt2"),
    "torchscript": PeerVariant("torchscript", 1, ".nequip.pth"),
}


class Peer:
    """The peer's environment and the files made by it, which are kept between runs of the benchmark.

    Args:
        python: of its environment.
        cache: folder of the files; each has a JSON beside it that says what it was made from.
    """

    def __init__(self, python: str, cache: Path) -> None:
        self.python, self._cache = python, cache.absolute()
        self._cache.mkdir(parents=True, exist_ok=True)
        self.versions = self._ask_versions()
        self.made: dict[str, Any] = {}

    def file(self, variant: str, size: str, dtype: str) -> Path:
        """Compile it unless that has been done by these versions on such a processor.

        Raises:
            UnavailableError: the peer failed; the last line of what it says.
        """
        kind, threads, suffix = PEER_VARIANTS[variant]
        path = self._cache / f"{variant}_{size}_{dtype}{suffix}"
        note = path.with_name(path.name + ".json")
        config = make_case("copper").config(size, dtype)
        source = {"config": config, "threads": threads, "versions": self.versions, "processor": machine()["processor"]}
        if path.is_file() and note.is_file() and json.loads(note.read_text())["source"] == source:
            self.made[path.name] = json.loads(note.read_text())["made"]
            return path
        environment = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        if threads is not None:
            environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        with tempfile.TemporaryDirectory() as inductor:
            # A folder of its own: code that was compiled for another number of threads must not be found again.
            done = subprocess.run(
                [self.python, str(FOLDER / "peer_model.py"), kind, size, dtype, str(path)],
                env=environment | {"TORCHINDUCTOR_CACHE_DIR": inductor},
                capture_output=True,
                text=True,
            )
        if done.returncode or not path.is_file():
            raise UnavailableError(f"the peer could not make its file ({variant}): {_last_line(done.stderr)}")
        made = json.loads(done.stdout.strip().splitlines()[-1])
        note.write_text(json.dumps({"source": source, "made": made}, indent=2) + "\n")
        self.made[path.name] = made
        return path

    def _ask_versions(self) -> dict[str, str]:
        names = ("nequip", "nequip-allegro", "e3nn", "torch")
        ask = f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {names!r}}}))"
        try:
            done = subprocess.run([self.python, "-c", ask], capture_output=True, text=True)
        except OSError as error:
            raise UnavailableError(f"the peer's Python does not start: {error}") from error
        if done.returncode:
            raise UnavailableError(f"the peer's environment is not complete: {_last_line(done.stderr)}")
        return json.loads(done.stdout)


class ModelFiles:
    """Exported potentials, made when first asked for. Args: peer: gives the weights of plain Allegro; without it they are random."""

    def __init__(self, folder: Path, peer: Peer | None) -> None:
        self.peer = peer
        self._folder = folder

    def exported(self, size: str, dtype: str, head: str) -> Path:
        """The file of one model."""
        path = self._folder / f"{size}_{dtype}_{head}.qallegro.pth"
        if path.is_file():
            return path
        if self.peer is not None and head == "allegro":
            with np.load(self.peer.file("weights", size, dtype)) as arrays:
                weights = {name: torch.as_tensor(arrays[name]) for name in arrays.files}
            potential = potential_from_peer(make_case("copper").config(size, dtype), weights)
        else:
            potential = make_potential("copper", size, head, dtype)
        checkpoint = path.with_suffix(".checkpoint")
        save_model(checkpoint, potential, {})
        return export_model(checkpoint, path).path


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
