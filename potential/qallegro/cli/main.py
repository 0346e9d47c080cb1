"""The `qallegro` program: registers the verbs and turns errors into messages."""

import sys
from importlib import import_module

import typer

from qallegro import __version__
from qallegro.cli.bench import RunByDefault

#: verb -> module below `qallegro.cli`, and the function in it
VERBS = {
    "train": ("train", "train"),
    "evaluate": ("evaluate", "evaluate"),
    "export": ("export", "export"),
    "info": ("info", "info"),
    "import": ("import_", "import_model"),
    "demo": ("demo", "demo"),
    "plan": ("plan", "plan"),
    "select": ("select", "select"),
}

#: the same for `qallegro quantum VERB`
QUANTUM_VERBS: dict[str, tuple[str, str]] = {
    "evaluate": ("quantum_evaluate", "evaluate"),
    "analyze": ("quantum_analyze", "analyze"),
}

#: the same for `qallegro latency VERB`
LATENCY_VERBS = {
    "report": ("latency_report", "report"),
    "trace": ("latency_trace", "trace"),
}

#: the same for `qallegro bench VERB`
BENCH_VERBS = {
    "run": ("bench", "run"),
    "compare": ("bench", "compare"),
}

#: the same for `qallegro models VERB`
MODELS_VERBS = {
    "list": ("models", "list_models"),
    "get": ("models", "get"),
}

#: the same for `qallegro tune VERB`
TUNE_VERBS = {
    "run": ("tune", "run"),
    "worker": ("tune", "worker"),
    "front": ("tune", "front"),
    "pick": ("tune", "pick"),
    "report": ("tune", "report"),
}

#: the same for `qallegro validate VERB`
VALIDATE_VERBS = {
    "phonon": ("validate", "phonon"),
    "elastic": ("validate", "elastic"),
    "eos": ("validate", "eos"),
    "qha": ("validate", "qha"),
    "thermal-conductivity": ("validate", "thermal_conductivity"),
    "surface": ("validate_defects", "surface"),
    "vacancy": ("validate_defects", "vacancy"),
    "stacking-fault": ("validate_defects", "stacking_fault"),
    "cold-curve": ("validate_defects", "cold_curve"),
    "dimer": ("validate_defects", "dimer"),
    "md": ("validate_dynamics", "md"),
    "heat-flux": ("validate_dynamics", "heat_flux"),
    "all": ("validate_all", "validate_all"),
}

#: the same for `qallegro data VERB`
DATA_VERBS = {
    "compress": ("data_compress", "compress"),
}

app = typer.Typer(
    name="qallegro",
    help="Train, evaluate and export Allegro interatomic potentials.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qallegro {__version__}")
        raise typer.Exit


@app.callback()
def _program(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="print the version")) -> None:
    pass


quantum = typer.Typer(help="Evaluate and analyze the circuit of a hybrid model.", no_args_is_help=True)
app.add_typer(quantum, name="quantum")
latency = typer.Typer(help="Where the time of a simulation goes: pages and traces.", no_args_is_help=True)
app.add_typer(latency, name="latency")
bench = typer.Typer(cls=RunByDefault, help="Speed and accuracy of exported files: `bench FILE`, `bench compare A B`.", no_args_is_help=True)
app.add_typer(bench, name="bench")

models = typer.Typer(help="Trained models that come with the package.", no_args_is_help=True)
app.add_typer(models, name="models")

tune = typer.Typer(
    cls=RunByDefault, help="Tune for accuracy and latency at once: `tune CONFIG.yaml`, `tune front STUDY`.", no_args_is_help=True
)
app.add_typer(tune, name="tune")

validate = typer.Typer(help="Physics of an exported file: phonons, elasticity, defects, dynamics, a report card.", no_args_is_help=True)
app.add_typer(validate, name="validate")

data = typer.Typer(help="Sets of structures: compression.", no_args_is_help=True)
app.add_typer(data, name="data")

# Verb modules import typer alone; torch and the rest start inside the verbs.
_GROUPS = (
    (app, VERBS),
    (quantum, QUANTUM_VERBS),
    (latency, LATENCY_VERBS),
    (bench, BENCH_VERBS),
    (models, MODELS_VERBS),
    (tune, TUNE_VERBS),
    (validate, VALIDATE_VERBS),
    (data, DATA_VERBS),
)
for _program, _verbs in _GROUPS:
    for _verb, (_module, _function) in _verbs.items():
        _program.command(_verb)(getattr(import_module(f"qallegro.cli.{_module}"), _function))


def main() -> None:
    """Run the program: exit code 0, 1 for an error of ours (one message, no traceback), 2 for wrong usage."""
    from qallegro.errors import QAllegroError

    try:
        app()
    except QAllegroError as error:
        typer.echo(f"qallegro: error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
