"""Environments of the peers: made by `python -m venv` and pip from PyPI, with the pinned versions of `requirements-PEER.txt`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from engines_benchmark import UnavailableError

FOLDER = Path(__file__).parent
#: the file in an environment that says with which requirements it was completed
_DONE = "peers_benchmark.txt"


def requirements(peer: str) -> Path:
    """The file with the pinned versions."""
    return FOLDER / f"requirements-{peer}.txt"


def make_environment(peer: str, folder: Path, limit: float, say: Callable[[str], None]) -> str:
    """The Python of `folder`/`peer`, which is made unless these requirements are installed there already.

    Args:
        folder: of all environments; pip's output goes to `folder`/`peer`.pip.log.
        limit: s that pip may take.

    Raises:
        UnavailableError: pip failed, in its own words, or took too long.
    """
    place, wanted = folder / peer, requirements(peer).read_text()
    python, done = place / "bin" / "python", place / _DONE
    if done.is_file() and done.read_text() == wanted:
        return str(python)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{peer}.pip.log"
    say(f"{peer}: making {place}")
    _call([sys.executable, "-m", "venv", "--clear", str(place)], log, limit, peer)
    say(f"{peer}: pip install, its output goes to {log}")
    _call([str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements(peer))], log, limit, peer)
    done.write_text(wanted)
    return str(python)


def installed(python: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Versions of packages in an environment.

    Raises:
        UnavailableError: one is missing, or there is no such Python.
    """
    ask = f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {packages!r}}}))"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True)
    except OSError as error:
        raise UnavailableError(f"its Python does not start: {error}") from error
    if done.returncode:
        raise UnavailableError(f"its environment is not complete: {last_line(done.stderr)}")
    return json.loads(done.stdout)


def last_line(text: str) -> str:
    """What a program says of its failure at the end."""
    return (text.strip().splitlines() or ["it said nothing"])[-1].strip()


def _call(command: list[str], log: Path, limit: float, peer: str) -> None:
    with log.open("w") as stream:
        try:
            done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"installing took more than {limit:g} s, the log of {peer} ends with: {_complaint(log)}") from error
        except OSError as error:
            raise UnavailableError(f"its environment cannot be made: {error}") from error
    if done.returncode:
        raise UnavailableError(f"pip could not install it: {_complaint(log)}")


def _complaint(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:")]
    return " ".join(errors) if errors else last_line("\n".join(lines))
