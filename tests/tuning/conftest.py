"""What tests of tuning share."""

from collections.abc import Callable
from typing import Any

import pytest

from qallegro.tuning import study, worker
from tuning.fake_trials import Answer, fake_child


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`child(...)` puts formulas in the place of models; arguments of `fake_child`."""

    def use(*args: Any, **kwargs: Any) -> Callable[..., Answer]:
        replacement = fake_child(*args, **kwargs)
        monkeypatch.setattr(study, "run_child", replacement)
        monkeypatch.setattr(worker, "run_child", replacement)
        return replacement

    use()
    return use
