"""The circuit figures of Laskaris et al. (2026) beside ours.

Laskaris et al., Comput. Mater. Sci. 270, 114742 (2026), arXiv:2602.16908: 4 qubits, one RZ encoding, depth 1, CNOT ring, 24 angles.
"""

from typing import Any

from qallegro.quantum.analysis.fourier import fourier_section
from qallegro.quantum.analysis.light_cones import explain_inert
from qallegro.quantum.analysis.zx_report import zx_section
from qallegro.quantum.config import CircuitConfig

#: the paper's circuit; the Pauli that it measures is not stated
CIRCUIT = CircuitConfig(num_qubits=4, num_features=4, num_reuploads=1, encoding_axis="Z", entangler="cnot_ring", depth=1)
#: what the paper says of it
PARAMETERS_KEPT, RANK, NONZERO_PARTS, ALL_PARTS = 24, 15, 127, 161


def is_paper_circuit(config: CircuitConfig) -> bool:
    """Whether `config` is the paper's circuit, with any Pauli measured on each qubit."""
    blocks = (config.depths, config.model_dump(exclude={"depth", "observables"}))
    return config.observables != "z_zz" and blocks == (CIRCUIT.depths, CIRCUIT.model_dump(exclude={"depth", "observables"}))


def other_pauli(config: CircuitConfig, seeds: int, zx: bool, fourier: bool) -> dict[str, Any]:
    """Counts that depend on the measured Pauli, for the one that is not analyzed in full: Z beside Y, Y beside the others."""
    changed = config.model_copy(update={"observables": "Z" if config.observables == "Y" else "Y"})
    result: dict[str, Any] = {"observables": changed.observables, "inert": explain_inert(changed)}
    if zx:
        result["zx"] = zx_section(changed)[0]
    if fourier:
        result["fourier"] = fourier_section(changed, None, seeds)[0]
    return result


def compare(result: dict[str, Any]) -> list[dict[str, str]]:
    """Rows (figure, paper, reproduced, corrected reading) from the sections of an analysis; rows of skipped sections are left out.

    Args:
        result: sections by name, with `other_pauli` in it.
    """
    rows = []
    if "zx" in result:
        rows.append(_zx_row(result))
    if "fisher" in result:
        rows += _fisher_rows(result)
    if "fourier" in result:
        rows.append(_fourier_row(result))
    return rows


def threshold_of_paper_count(section: dict[str, Any]) -> list[list[float] | None]:
    """Of each output: neighboring thresholds between which the mean number of parts above them passes the paper's 127."""
    table, found = section["above_threshold"], []
    for k in range(len(table[0]["parts"])):
        means = [row["parts"][k]["mean"] for row in table]
        crossing = [i for i in range(len(means) - 1) if means[i] >= NONZERO_PARTS > means[i + 1]]
        found.append([table[crossing[0]]["threshold"], table[crossing[0] + 1]["threshold"]] if crossing else None)
    return found


def _zx_row(result: dict[str, Any]) -> dict[str, str]:
    own, other = result["zx"], result["other_pauli"]
    letters = (result["circuit"]["observables"], other["observables"])
    unitary, state = own["cases"]["unitary"], own["cases"]["state"]
    values = [section["all_expectation_values"] for section in (own, other["zx"])]
    measured = ", ".join(f"{v.get('num_angles_kept', 'not checked')} measuring {p}" for p, v in zip(letters, values, strict=True))
    return {
        "figure": "parameters kept by ZX reduction",
        "paper": f"{PARAMETERS_KEPT} of {PARAMETERS_KEPT}",
        "reproduced": f"{unitary.get('num_angles_kept', 'not checked')} of {own['angles']} (unitary alone)",
        "corrected": f"{state.get('num_angles_kept', 'not checked')} with the state |0>, and with state and measurement {measured}: "
        "the others have exactly zero gradient",
    }


def _fisher_rows(result: dict[str, Any]) -> list[dict[str, str]]:
    section, inert = result["fisher"], result["inert"]
    classical = section["classical"]
    rank, active = classical["rank_over_inputs"]["mean"], inert["active_angles"]
    reading = "the number of active angles" if rank == active else f"of {active} active angles"
    zeros = classical["eigenvalues"]["share_below_1e-12_of_largest"] * section["angles"]
    single = section["angles"] - classical["rank_at_one_input"]["mean"]
    return [
        {
            "figure": "rank of the Fisher information",
            "paper": f"{RANK}",
            "reproduced": f"{classical['rank_at_one_input']['mean']:g} at one input, with {section['angles']} angles",
            "corrected": f"{classical['ceiling_at_one_input']} = 2^4 - 1 is the ceiling for 16 probabilities at one input, no evidence of "
            f"over-parametrization; over {section['inputs']} inputs, which is what training sees, the rank is {rank:g}, {reading}",
        },
        {
            "figure": "eigenvalues of the Fisher information",
            "paper": "histogram",
            "reproduced": f"at one input {single:g} of {section['angles']} eigenvalues are zero",
            "corrected": f"averaged over inputs {zeros:g} are zero, with {len(inert['of_outputs'])} inert angles; the median of all is "
            f"{classical['eigenvalues']['median']:.2g}, the largest {classical['eigenvalues']['largest']:.2g}",
        },
    ]


def _fourier_row(result: dict[str, Any]) -> dict[str, str]:
    own, other = result["fourier"], result["other_pauli"]
    letters = (result["circuit"]["observables"], other["observables"])
    counts = "; ".join(
        f"{letter}: {', '.join(str(row['parts']) for row in section['by_output'])}, union {section['union_over_outputs']['parts']}"
        for letter, section in zip(letters, (own, other["fourier"]), strict=True)
    )
    crossing = [pair for pair in threshold_of_paper_count(own) if pair]
    hint = (
        f"; {NONZERO_PARTS} is what a threshold of {crossing[0][0]:.0e} to {crossing[0][1]:.0e} leaves of a single draw" if crossing else ""
    )
    independent = own["union_over_outputs"]["independent"]
    return {
        "figure": "non-zero Fourier coefficients",
        "paper": f"{NONZERO_PARTS} of {ALL_PARTS}",
        "reproduced": f"not as an exact count; of {ALL_PARTS} parts, by output, {counts}",
        "corrected": f"c_-k = conj c_k, so that {own['accessible']} parts are independent and {independent} of them are not zero{hint}",
    }
