"""Make a file of the peer's model. Runs in the peer's own environment, in a process of its own with the threads of the variant.

The model is built by the peer's public `AllegroModel` with the hyperparameters of benchmarks/training_speed, and compiled by the code of
its command `nequip-compile`, which is given the model from memory instead of a checkpoint.
"""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training_speed"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from allegro.model import AllegroModel  # noqa: E402
from nequip.data import AtomicDataDict, compute_neighborlist_, from_ase  # noqa: E402
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper  # noqa: E402
from nequip.scripts import compile as command  # noqa: E402
from nequip.utils.global_state import set_global_state  # noqa: E402

from cases import R_MAX, make_case  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["weights", "aotinductor", "torchscript"])
    parser.add_argument("size")
    parser.add_argument("dtype")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    set_global_state()
    case = make_case("copper")
    model = AllegroModel(compile_mode="eager", **case.config(arguments.size, arguments.dtype))
    if arguments.kind == "weights":
        np.savez(arguments.output, **{name: tensor.detach().numpy() for name, tensor in model.state_dict().items()})
    else:
        model.eval()
        data = from_ase(case.frames[0])
        data = ChemicalSpeciesToAtomTypeMapper(model_type_names=case.species)(data)
        data = compute_neighborlist_(data, r_max=R_MAX)
        compile_model(model, AtomicDataDict.to_(data, torch.device("cpu")), arguments.kind, arguments.output)
    names = ("nequip", "nequip-allegro", "e3nn", "torch")
    print(json.dumps({"versions": {name: version(name) for name in names}, "threads": torch.get_num_threads()}))


def compile_model(model: torch.nn.Module, data: dict, kind: str, output: Path) -> None:
    """Run `nequip-compile` with its defaults."""
    command.load_saved_model = lambda *_, return_data_dict=False, **__: (model, data) if return_data_dict else model
    # The command refuses TorchScript from torch 2.10 on; the code behind it still writes it.
    command._TORCH_GE_2_10 = False
    target = ["--target", "ase"] if kind == "aotinductor" else []
    command.main(["model.ckpt", str(output), "--mode", kind, "--device", "cpu", *target])


if __name__ == "__main__":
    main()
