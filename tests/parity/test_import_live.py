"""Files that the peer writes on the spot, if it is installed: QALLEGRO_PEER_PYTHON=/path/to/peer/bin/python (docs/importing.md)."""

import os
import subprocess
from pathlib import Path

import pytest

from import_numbers import check_against_peer
from peer_files import VARIANTS
from qallegro.export.nequip_import import import_model

PEER_PYTHON = os.environ.get("QALLEGRO_PEER_PYTHON")
pytestmark = pytest.mark.skipif(PEER_PYTHON is None, reason="needs nequip-allegro, named by QALLEGRO_PEER_PYTHON")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All variants, written by the peer: about 20 seconds each."""
    path = tmp_path_factory.mktemp("peer")
    subprocess.run([PEER_PYTHON, str(Path(__file__).parents[1] / "peer_files.py"), str(path)], check=True)
    return path


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("suffix", [".ckpt", ".nequip.zip"])
def test_imported_model_gives_the_peers_numbers(name, suffix, folder, tmp_path):
    imported = import_model(folder / f"{name}{suffix}", tmp_path / "model.pth")
    check_against_peer(imported.potential, folder / f"{name}.npz")
