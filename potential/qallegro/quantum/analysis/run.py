"""All sections of an analysis, one after another."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qallegro.errors import ConfigError
from qallegro.quantum.analysis.fisher import fisher_section, rank_by_depth
from qallegro.quantum.analysis.fourier import fourier_section
from qallegro.quantum.analysis.light_cones import explain_inert, light_cones
from qallegro.quantum.analysis.paper import compare, is_paper_circuit, other_pauli
from qallegro.quantum.analysis.plateaus import DEPTHS, QUBITS, plateau_section
from qallegro.quantum.analysis.source import Circuit
from qallegro.quantum.analysis.structure import count_gates
from qallegro.quantum.analysis.zx_report import zx_section
from qallegro.quantum.config import CircuitConfig
from qallegro.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: sections that `--skip` may name
SECTIONS = ("drawing", "zx", "fisher", "fourier", "plateaus")
#: gradients of dense unitaries, from which inert angles are found, take minutes above
MAX_QUBITS = 10
#: depths up to which the rank is followed, while the angles stay below a number
_MAX_DEPTH, _MAX_ANGLES = 5, 160


def analyze(
    circuit: Circuit,
    *,
    seeds: int = 5,
    skip: frozenset[str] = frozenset(),
    plots: Path | None = None,
    advance: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Analyze a circuit.

    Args:
        circuit: from `qallegro.quantum.analysis.source.open_circuit`.
        seeds: seeds of random angles and inputs, 1 or more.
        skip: names of `SECTIONS` to leave out.
        plots: folder to draw into; None draws nothing.
        advance: called with the name of every step before it starts.

    Returns:
        JSON-like sections.

    Raises:
        ConfigError: more than MAX_QUBITS qubits, a number of seeds below 1, an unknown section, or a folder that cannot be written.
    """
    unknown = sorted(skip - set(SECTIONS))
    if unknown:
        raise ConfigError(f"sections to skip must be among {', '.join(SECTIONS)}, got {', '.join(unknown)}")
    if seeds < 1:
        raise ConfigError(f"`seeds` must be 1 or more, got {seeds}")
    config, trained = circuit.config, circuit.angles
    if config.num_qubits > MAX_QUBITS:
        raise ConfigError(
            f"a circuit can be analyzed with at most {MAX_QUBITS} qubits, got {config.num_qubits}; use more encodings instead"
        )
    draw = _Pictures(plots)
    result: dict[str, Any] = {
        "origin": circuit.origin,
        "circuit": config.model_dump(mode="json"),
        "trained_angles": None if trained is None else trained.tolist(),
        "seeds": seeds,
        "notes": [],
    }
    advance("light cones")
    result["gates"] = count_gates(config)
    result["inert"] = explain_inert(config)
    cones = light_cones(config)
    result["light_cones"] = [cone._asdict() for cone in cones]
    if plots is not None and "drawing" not in skip:
        from qallegro.quantum.analysis.drawing import draw_figure
        from qallegro.quantum.analysis.structure_plots import plot_light_cones

        advance("drawing")
        draw("circuit", lambda: draw_figure(config))
        draw("light_cones", lambda: plot_light_cones(config, cones))
    _zx(config, skip, result, draw, advance)
    _fisher(circuit, skip, seeds, result, draw, advance)
    _fourier(circuit, skip, seeds, result, draw, advance)
    _plateaus(config, skip, seeds, result, draw, advance)
    if is_paper_circuit(config):
        advance("paper")
        result["other_pauli"] = other_pauli(config, seeds, "zx" not in skip, "fourier" not in skip)
        result["paper"] = compare(result)
    result["plots"] = [str(path) for path in draw.written]
    return result


def num_steps(config: CircuitConfig, skip: frozenset[str], plots: bool) -> int:
    """How often `analyze` calls `advance`."""
    steps = 1 + (plots and "drawing" not in skip) + ("zx" not in skip) + is_paper_circuit(config)
    steps += 2 * ("fisher" not in skip) + ("fourier" not in skip) + ("plateaus" not in skip)
    return steps


class _Pictures:
    """Writes figures into a folder, each whole; does nothing without one."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.written: list[Path] = []
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with whole_file(folder / "quantum_probe.tmp") as probe:
                    probe.write_text("")
                (folder / "quantum_probe.tmp").unlink()
            except OSError as error:
                raise ConfigError(f"`--plots` must name a folder that can be written, got `{folder}`: {error.strerror}") from error

    def __call__(self, name: str, make: "Callable[[], Figure]") -> None:
        if self.folder is None:
            return
        from qallegro.quantum.analysis.style import close

        figure = make()
        path = self.folder / f"quantum_{name}.png"
        try:
            with whole_file(path) as temporary:
                # Renderers take at most 2^16 pixels a side.
                figure.savefig(temporary, dpi=min(130.0, 2.0**16 / (1.1 * float(max(figure.get_size_inches())))))
        except OSError as error:
            raise ConfigError(f"`--plots` must name a folder that can be written, got `{self.folder}`: {error.strerror}") from error
        finally:
            close(figure)
        self.written.append(path)


def _zx(config: CircuitConfig, skip: frozenset[str], result: dict[str, Any], draw: _Pictures, advance: Callable[[str], None]) -> None:
    if "zx" in skip:
        return
    advance("ZX diagrams")
    section, reductions = zx_section(config)
    result["zx"] = section
    if reductions and draw.folder is not None:
        from qallegro.quantum.analysis.structure_plots import plot_diagrams

        draw("zx", lambda: plot_diagrams(config, reductions, lambda name: section["cases"][name]["check"]["equal"]))


def _fisher(
    circuit: Circuit, skip: frozenset[str], seeds: int, result: dict[str, Any], draw: _Pictures, advance: Callable[[str], None]
) -> None:
    config = circuit.config
    if "fisher" in skip:
        return
    advance("Fisher information")
    section, arrays = fisher_section(config, circuit.angles, seeds)
    per_depth = 3 * config.num_qubits * (config.num_encodings + 1)
    depths = [d for d in range(1, _MAX_DEPTH + 1) if d * per_depth * 2**config.num_qubits <= _MAX_ANGLES * 2**5]
    advance("rank against layers")
    section["by_depth"] = rank_by_depth(config, depths, min(seeds, 3))
    if not depths:
        result["notes"].append("rank against layers is left out: this circuit has too many angles and amplitudes at depth 1 already")
    result["fisher"] = section
    if draw.folder is not None:
        from qallegro.quantum.analysis.fisher_plots import plot_fisher

        draw("fisher", lambda: plot_fisher(section, arrays))


def _fourier(
    circuit: Circuit, skip: frozenset[str], seeds: int, result: dict[str, Any], draw: _Pictures, advance: Callable[[str], None]
) -> None:
    if "fourier" in skip:
        return
    advance("Fourier series")
    result["fourier"], arrays = fourier_section(circuit.config, circuit.angles, seeds)
    if draw.folder is not None:
        from qallegro.quantum.analysis.spectrum_plots import plot_fourier

        draw("fourier", lambda: plot_fourier(circuit.config, arrays))


def _plateaus(
    config: CircuitConfig, skip: frozenset[str], seeds: int, result: dict[str, Any], draw: _Pictures, advance: Callable[[str], None]
) -> None:
    if "plateaus" in skip:
        return
    advance("gradient variances")
    largest = 2**10 * 36 / max(math.prod((config.num_encodings + 1, max(config.depths))), 1)
    qubits = [n for n in QUBITS if 2**n * n <= largest]
    depths = [d for d in DEPTHS if 2**config.num_qubits * config.num_qubits * (config.num_encodings + 1) * d <= 2**10 * 36]
    result["plateaus"] = plateau_section(config, qubits, depths, seeds)
    missing = [f"{n} qubits" for n in QUBITS if n not in qubits] + [f"depth {d}" for d in DEPTHS if d not in depths]
    if missing:
        result["notes"].append(f"gradient variances are left out, for the size of the circuits, at {', '.join(missing)}")
    if draw.folder is not None:
        from qallegro.quantum.analysis.spectrum_plots import plot_plateaus

        draw("plateaus", lambda: plot_plateaus(result["plateaus"]))
