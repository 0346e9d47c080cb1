"""`qallegro import`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer


def import_model(
    peer: Annotated[Path, typer.Argument(help="checkpoint (.ckpt) or package (.nequip.zip) of nequip-allegro 0.8")],
    output: Annotated[Path, typer.Option("-o", "--output", help="model to write")] = Path("model.pth"),
    base: Annotated[Path | None, typer.Option(help="file that a fine-tuned model started from, if it has moved")] = None,
    species: Annotated[
        str | None, typer.Option(help="chemical symbols of the peer's types, in its order, as `Cu,Li`, if its file does not tell")
    ] = None,
) -> None:
    """Take over a model trained with nequip-allegro, without that package."""
    from rich.console import Console

    from qallegro.export.nequip_import import import_model as run

    console = Console()
    symbols = None if species is None else [symbol for symbol in species.replace(",", " ").split() if symbol]
    with console.status(f"reading {peer} ..."):
        result = run(peer, output, base=base, species=symbols)
    config, source = result.potential.config, result.provenance["imported_from"]
    count = sum(parameter.numel() for parameter in result.potential.network.parameters())
    console.print(
        f"wrote {result.path}: {' '.join(config.atom_types)}, r_max {config.r_max} Å, l_max {config.l_max}, {config.num_layers} layers, "
        f"{count:,} weights ({source['weights']}), {config.dtype}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"from {source['file']}, nequip-allegro {source['versions'].get('allegro')}", highlight=False)
