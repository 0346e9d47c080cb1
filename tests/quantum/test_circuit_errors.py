"""Bad descriptions of a circuit: quantity, rule, value, remedy; on the command line without a traceback."""
# ruff: noqa: E501 - tables of cases read best with one case a line

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydantic
import pytest
import torch
import yaml

from qallegro.errors import ConfigError
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.statevector import QuantumLayer
from qallegro.training.load_config import load_config
from reference_frames import emt_frames, tiny_run, write_config, write_frames

# keys of a circuit -> parts of the message
REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"num_features": 5}, ("`num_features` must be a multiple of `num_qubits` (4), got 5", "take 4 or 8")),
    ({"num_features": 0}, ("`num_features` must be a multiple of `num_qubits` (4), got 0", "take 4 or 8")),
    ({"num_qubits": 3, "num_features": 2}, ("multiple of `num_qubits` (3), got 2", "take 3 or 6")),
    ({"num_qubits": 0}, ("`num_qubits` must be 1 or more, got 0",)),
    ({"num_qubits": -2}, ("`num_qubits` must be 1 or more, got -2",)),
    (
        {"num_qubits": 30, "num_features": 30},
        ("must fit into memory (", "GiB), got 30 qubits", "which take 1.03e+11 GiB", "use fewer qubits and more encodings"),
    ),
    ({"num_reuploads": 0}, ("`num_reuploads` must be 1 or more, got 0",)),
    ({"depth": 0}, ("RZ on |0> is a mere phase", "`depth` of 1 or more (got 0)", "encode with X or Y")),
    ({"depth": [0, 2]}, ("RZ on |0> is a mere phase", "(got [0, 2])")),
    ({"depth": -1, "encoding_axis": "X"}, ("`depth` must be 0 or more, got -1",)),
    ({"depth": [1, 1, 1]}, ("one for each of the 2 trainable blocks", "got 3")),
    ({"num_reuploads": 2, "depth": [1, 1]}, ("one for each of the 3 trainable blocks", "got 2")),
]
# words that are no choice: pydantic's own messages, reworded by `load_config`
NO_CHOICE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"observables": "W"}, ("`model.qdi.circuit.observables`: must be 'X', 'Y', 'Z' or 'z_zz', got 'W'",)),
    (
        {"entangler": "star"},
        ("`model.qdi.circuit.entangler`: must be 'cnot_ring', 'strongly_entangling', 'cz_ring' or 'none', got 'star'",),
    ),
    ({"encoding_axis": "H"}, ("`model.qdi.circuit.encoding_axis`: must be 'X', 'Y' or 'Z', got 'H'",)),
    ({"num_qubits": "four"}, ("`model.qdi.circuit.num_qubits`: must be a valid integer", "got 'four'")),
    ({"qubits": 4}, ("`model.qdi.circuit.qubits`: unknown key", "nearest valid key is `model.qdi.circuit.num_qubits`")),
]
# descriptions that are circuits, but with features that no observable can see
IDLE: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"depth": [1, 0], "observables": "Z"}, ("every encoded feature must act on a measured qubit, features [0, 1, 2, 3] do not", "deepen the trainable blocks")),
    ({"depth": 0, "encoding_axis": "X", "observables": "X"}, ("features [0, 1, 2, 3] do not", "`encoding_axis` X", "or change the axis or the observables")),
    ({"num_features": 8, "depth": [1, 1, 0], "observables": "Z"}, ("features [4, 5, 6, 7] do not",)),
    ({"num_qubits": 1, "num_features": 2, "depth": [1, 1, 0], "observables": "z_zz"}, ("features [1] do not",)),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "parts"), REFUSED)
def test_description_is_refused(keys: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        CircuitConfig(**keys)
    message = str(caught.value)
    for part in parts:
        assert part in message


def test_the_largest_circuit_that_fits_into_memory_is_accepted() -> None:
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    n = 1
    while 3 * 2 * 4 ** (n + 1) * 16 <= there:
        n += 1
    assert CircuitConfig(num_qubits=n, num_features=n).fused_bytes <= there
    with pytest.raises(pydantic.ValidationError, match=f"got {n + 1} qubits"):
        CircuitConfig(num_qubits=n + 1, num_features=n + 1)


@pytest.mark.parametrize(("keys", "parts"), IDLE)
def test_layer_with_a_feature_that_cannot_act_is_refused(keys: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        QuantumLayer(CircuitConfig(**keys), torch.float64)
    for part in parts:
        assert part in str(caught.value)


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad_circuits")
    write_frames(folder / "train.xyz", emt_frames(8))
    return write_config(folder / "run.yaml", tiny_run(Path("train.xyz"), model__variant="allegro_qdi"))


def override(keys: dict[str, Any]) -> str:
    return "model.qdi.circuit=" + yaml.safe_dump(keys, default_flow_style=True, width=1000).strip()


@pytest.mark.parametrize(("keys", "parts"), REFUSED + NO_CHOICE + IDLE)
def test_configuration_is_refused_with_its_key(config_file: Path, keys: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(config_file, [override(keys)])
    message = str(caught.value)
    assert "`model.qdi.circuit" in message and "has 1 error" in message
    for part in parts:
        assert part in message


def test_configuration_without_a_mistake_is_accepted(config_file: Path) -> None:
    assert load_config(config_file).model["variant"] == "allegro_qdi"


@pytest.mark.parametrize("keys", [{"num_features": 5}, {"depth": 0}, {"depth": [1, 0], "observables": "Z"}], ids=str)
def test_program_refuses_in_one_message(config_file: Path, keys: dict[str, Any]) -> None:
    run = config_file.parent / "run"
    done = subprocess.run(
        [sys.executable, "-m", "qallegro.cli.main", "train", config_file, override(keys), "-o", run],
        capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("qallegro: error: configuration") and "`model.qdi.circuit`" in done.stderr
    assert "Traceback" not in done.stderr and not run.exists()
