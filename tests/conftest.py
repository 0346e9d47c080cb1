"""What all tests share."""

import os
import warnings
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared"


def pytest_configure(config):
    if os.environ.get("QALLEGRO_REQUIRE_SHARED") and not SHARED.is_dir():
        raise pytest.UsageError(f"QALLEGRO_REQUIRE_SHARED is set, but there is no folder {SHARED}")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch")


def pytest_collection_modifyitems(items):
    """Files that build C++ first: as the last ones they would keep one worker busy and leave the others idle."""
    items.sort(key=lambda item: item.path.name not in ("test_ctest.py", "test_c_api.py"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("needs the reference data in ../shared")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
