"""An `lmp` process, on one or more ranks, that is fed commands line by line and can be looked at while it waits for the next."""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

_MARK = "benchmark waits"


class Memory(NamedTuple):
    """Bytes, summed over the ranks."""

    resident: int
    peak: int  #: largest resident size of each rank since its start


class LammpsError(RuntimeError):
    """LAMMPS ended; the message is its own."""


class LammpsSession:
    """`lmp` reading its input from here.

    Args:
        lmp: the program; more than one rank are started by the `mpirun` beside it, else by that of this Python environment.
        threads: OMP_NUM_THREADS of every rank.
        environment: more variables.
    """

    def __init__(self, lmp: Path, ranks: int = 1, threads: int = 1, environment: dict[str, str] | None = None) -> None:
        # absolute, not resolved: a link in the folder of an environment stands for that environment
        command = [str(lmp.absolute()), "-log", "none", "-nocite", "-nonbuf"]
        if ranks > 1:
            command = [_mpirun(lmp), "-n", str(ranks), *command]
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            command,
            cwd=self._folder.name,
            env=os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "LammpsSession":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._process.communicate(timeout=60)  # the end of its input ends LAMMPS
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()

    def run(self, commands: str) -> str:
        """What LAMMPS prints until it has done all of them.

        Raises:
            LammpsError: a command failed.
        """
        output = []
        try:
            self._process.stdin.write(f'{commands.rstrip()}\nprint "{_MARK}"\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the reason is in the output
        for line in self._process.stdout:
            if line.strip() == _MARK:
                return "".join(output)
            output.append(line)
        text = "".join(output)
        errors = [line.partition("ERROR")[2].partition(": ")[2] for line in text.splitlines() if line.startswith("ERROR")]
        raise LammpsError(errors[0].strip() if errors else f"lmp ended without a message of its own:\n{text[-2000:]}")

    def memory(self) -> Memory | None:
        """Of all ranks; None where the system has no /proc."""
        found = [_memory_of(process) for process in self._ranks()]
        return Memory(sum(m.resident for m in found), sum(m.peak for m in found)) if found else None

    def libraries(self) -> list[str]:
        """Names of the shared libraries that the first rank has mapped, sorted; empty where the system has no /proc."""
        for process in self._ranks()[:1]:
            mapped = {line.split(maxsplit=5)[5] for line in Path(f"/proc/{process}/maps").read_text().splitlines() if ".so" in line}
            return sorted({Path(name.strip()).name for name in mapped})
        return []

    def _ranks(self) -> list[int]:
        """Descendants that are LAMMPS itself: the `lmp` of a Python environment is a script that starts the program."""
        parents = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold anything.
                parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        family, before = {self._process.pid}, 0
        while len(family) > before:
            before = len(family)
            family |= {child for child, parent in parents.items() if parent in family}
        return sorted(process for process in family if _program(process).startswith("lmp"))


def _mpirun(lmp: Path) -> str:
    folders = (lmp.absolute().parent, Path(sys.executable).parent)
    found = next((folder / "mpirun" for folder in folders if (folder / "mpirun").is_file()), None)
    if found is None:
        raise LammpsError(f"more than one rank needs `mpirun`, it is in none of {' and '.join(map(str, folders))}")
    return str(found)


def _program(process: int) -> str:
    try:
        return Path(os.readlink(f"/proc/{process}/exe")).name
    except OSError:
        return ""


def _memory_of(process: int) -> Memory:
    # ru_maxrss would count the program that started this one as well, and VmRSS is off by what each core has not yet added to it.
    found = []
    for file, name in (("smaps_rollup", "Rss"), ("status", "VmHWM")):
        row = next(line for line in Path(f"/proc/{process}/{file}").read_text().splitlines() if line.startswith(f"{name}:"))
        found.append(1024 * int(row.split()[1]))
    return Memory(*found)
