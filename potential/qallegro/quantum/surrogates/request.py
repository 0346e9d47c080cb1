"""What an export asks of a layer that has a classical form, and what it gets."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

#: edges of a structure where none is known
DEFAULT_EDGES = 2000


class Request(NamedTuple):
    """How a layer is to be compiled."""

    dtype: torch.dtype  #: of the exported network
    device: str = "cpu"  #: that it is to run on
    form: str = "auto"  #: name of a form, or auto
    tolerance: float | None = None  #: of the outputs, over the whole box of inputs; exact if not given
    edges: int = DEFAULT_EDGES  #: of a structure
    inputs: Tensor | None = None  #: (E, num_features) inputs that occur on known structures
    step: Callable[[str], None] = lambda text: None  #: told what is being done


class ClassicalForm(NamedTuple):
    """A layer as plain real arithmetic that can be scripted and compiled."""

    module: nn.Module  #: takes the layer's place in the file
    record: dict[str, Any]  #: plain values (docs/file-format.md)
    reference: nn.Module  #: an independent evaluation of the layer
    reference_edges: int  #: rows that the reference takes at a time without using much memory
    exact: bool  #: differs from the layer by rounding alone
