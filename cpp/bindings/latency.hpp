// The statistics of steps for Python.
#pragma once

#include <pybind11/pybind11.h>

#include "qallegro/latency.hpp"

/// Takes a step in; what it returns says that the step was `warn` times slower than usual, or is None.
pybind11::object add_step(qallegro::Latency &latency, const qallegro::StepLatency &step, double warn);

void bind_latency(pybind11::module_ &module);
