"""Where a model comes from: versions of what trained it, and the commit it was trained at."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("qallegro", "torch", "lightning", "e3nn", "numpy", "ase", "vesin", "pydantic", "schedulefree")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    result = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            result[package] = version(package)
        except PackageNotFoundError:
            continue
    return result


def git_commit() -> str | None:
    """Commit of the source tree that this package is imported from, with `+changes` if it was edited; None outside of git."""
    folder = Path(__file__).parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    # A package installed in somebody else's repository (a virtual environment) is not part of it.
    if not git("ls-files", "--", Path(__file__).name):
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
