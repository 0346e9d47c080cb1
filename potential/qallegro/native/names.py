"""Names of engines, for configurations that are read without torch."""

from typing import Literal

EngineName = Literal["auto", "native", "torch"]
