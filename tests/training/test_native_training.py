"""Whole runs with the native engine: the course of training is that of torch."""

import json

import numpy as np
import pytest
import torch

from qallegro.errors import ConfigError
from qallegro.model.checkpoint import load_model
from qallegro.training.history import read_history
from qallegro.training.load_config import load_config
from qallegro.training.predictors import open_predictor
from qallegro.training.run import train
from reference_frames import emt_frames, tiny_run, write_config, write_frames
from tolerances import TRAINING_COURSE


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Twenty steps with each engine."""
    folder = tmp_path_factory.mktemp("engines")
    data = write_frames(folder / "set.xyz", emt_frames(18))
    found = {}
    for engine in ("native", "torch"):
        settings = {"training__engine": engine, "training__max_epochs": 5, "training__max_steps": 20, "model__dtype": "float64"}
        path = write_config(folder / f"{engine}.yaml", tiny_run(data, **settings))
        found[engine] = train(load_config(path), folder / engine)
    return found


def test_courses_coincide(runs):
    ours, theirs = (read_history(runs[engine].folder.history) for engine in ("native", "torch"))
    assert len(ours) == len(theirs) >= 4
    for a, b in zip(ours, theirs, strict=True):
        for key in ("train_loss", "validation_loss", "validation_forces_mae"):
            assert float(a[key]) == pytest.approx(float(b[key]), rel=TRAINING_COURSE), key


def test_weights_coincide(runs):
    ours, theirs = (load_model(runs[engine].folder.model)[0].state_dict() for engine in ("native", "torch"))
    for name, tensor in ours.items():
        size = max(1.0, float(theirs[name].abs().max()))
        np.testing.assert_allclose(tensor, theirs[name], rtol=0, atol=TRAINING_COURSE * size, err_msg=name)


def test_the_engine_is_on_record(runs):
    assert "engine: native" in (runs["native"].folder.path / "config.yaml").read_text()
    assert set(json.loads(runs["native"].folder.metrics.read_text())) >= {"validation"}


def test_evaluate_takes_an_engine(runs):
    path = runs["native"].folder.model
    assert "engine native" in open_predictor(path).description
    assert "engine torch" in open_predictor(path, engine="torch").description
    with pytest.raises(ConfigError, match="`engine` of a checkpoint must be one of auto, native, torch, got 'aoti'"):
        open_predictor(path, engine="aoti")


def test_threads_of_torch_are_left_alone(runs):
    before = torch.get_num_threads()
    open_predictor(runs["native"].folder.model)
    assert torch.get_num_threads() == before
