"""The batch scripts in lammps_plugin/examples/slurm: valid shell, and what they run."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "lammps_plugin" / "examples" / "slurm"
NAMES = sorted(path.name for path in SCRIPTS.glob("*.sh"))
#: stands for mpirun: tells its arguments and the number of threads
LAUNCHER = '#!/bin/bash\necho "$(basename "$0") $* threads=$OMP_NUM_THREADS"\n'


def test_all_ways_have_a_script():
    assert NAMES == ["cpu_ranks.sh", "cpu_ranks_threads.sh", "gpu_ranks.sh", "mpirun.sh"]


@pytest.mark.parametrize("name", NAMES)
def test_script_is_valid_shell(name):
    done = subprocess.run(["bash", "-n", SCRIPTS / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def machine(tmp_path):
    """An environment with a launcher that does nothing, as a batch job sees it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "activate").write_text("")
    (tmp_path / "bin" / "mpirun").write_text(LAUNCHER)
    (tmp_path / "bin" / "mpirun").chmod(0o755)
    slurm = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_CPUS_PER_TASK": "4"}
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "QALLEGRO_VENV": str(tmp_path), "RANKS": "3", "THREADS": "2", **slurm}


@pytest.mark.parametrize(
    ("name", "launched", "threads"),
    [
        ("cpu_ranks.sh", "mpirun -n 8 -bind-to core lmp -in a b.lmp -log log.7 -var x 1", "1"),
        ("gpu_ranks.sh", "mpirun -n 8 -bind-to core:4 lmp -in a b.lmp -log log.7 -var x 1", "1"),
        ("cpu_ranks_threads.sh", "mpirun -n 8 -bind-to core:4 lmp -in a b.lmp -log log.7 -var x 1", "4"),
        ("mpirun.sh", "mpirun -n 3 lmp -in a b.lmp -var x 1", "2"),
    ],
)
def test_script_starts_lammps(machine, name, launched, threads):
    done = subprocess.run(["bash", SCRIPTS / name, "a b.lmp", "-var", "x", "1"], env=machine, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{launched} threads={threads}\n"), done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_script_without_an_input_says_its_usage(machine, name):
    done = subprocess.run(["bash", SCRIPTS / name], env=machine, capture_output=True, text=True)
    assert done.returncode != 0 and "usage" in done.stderr
