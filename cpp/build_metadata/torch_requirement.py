"""Adds to a wheel's requirements the torch that its engine library was compiled with.

libtorch's C++ interface changes between minor versions, so that a wheel runs with one of them only. A source distribution keeps
the wide range of pyproject.toml: what it becomes depends on the torch of the environment that builds it.
"""

from importlib.metadata import PackageNotFoundError, version


class Provider:
    """Plugin of `[[tool.dynamic-metadata]]`."""

    def __init__(self) -> None:
        self._is_wheel = True

    def build_state(self, build_state: str) -> None:
        self._is_wheel = build_state != "sdist"

    def dynamic_metadata(self, settings, project) -> dict[str, list[str]]:
        try:
            major, minor = version("torch").split(".")[:2]
        except PackageNotFoundError:  # a build with QALLEGRO_TORCH=OFF
            return {"dependencies": []}
        return {"dependencies": [f"torch=={major}.{minor}.*"] if self._is_wheel else []}

    def dynamic_wheel(self, settings) -> dict[str, bool]:
        return {"dependencies": True}
