"""An analysis, told on the console."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from qallegro.quantum.analysis.fisher import KINDS


def report(result: dict[str, Any]) -> Iterator[RenderableType]:
    """Tables and lines, section by section."""
    yield _gate_table(result)
    yield _cone_table(result)
    yield from _zx(result.get("zx"))
    yield from _fisher(result.get("fisher"))
    yield from _fourier(result.get("fourier"))
    yield from _plateaus(result.get("plateaus"))
    if "paper" in result:
        table = _table("the paper's figures for this circuit", "figure", "paper", "reproduced", "corrected reading")
        for row in result["paper"]:
            table.add_row(*row.values())
            table.add_section()
        yield table
    for note in result["notes"]:
        yield f"note: {note}"


def _table(title: str, *headings: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    return table


def _gate_table(result: dict[str, Any]) -> Table:
    counts, inert = result["gates"], result["inert"]
    table = Table(title="circuit", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    kinds = ", ".join(f"{number} {name}" for name, number in counts["by_kind"].items())
    table.add_row("gates", f"{counts['gates']}: {kinds}")
    table.add_row("depth", f"{counts['depth']}, of two-qubit gates {counts['two_qubit_depth']}")
    table.add_row("angles", f"{counts['angles']}, of which {inert['active_angles']} can change an output")
    for reason in dict.fromkeys(item["reason"] for item in inert["angles"]):
        same = [item for item in inert["angles"] if item["reason"] == reason]
        gates = ", ".join(f"θ{item['angle']} ({item['gate']} on qubit {item['qubit']})" for item in same)
        table.add_row(f"{len(same)} inert", f"{gates}: {reason}")
    if inert["features"]:
        table.add_row("inert features", ", ".join(f"x{k}" for k in inert["features"]))
    return table


def _cone_table(result: dict[str, Any]) -> Table:
    table = _table("light cones", "observable", "gates", "angles inside", "acting", "features inside", "acting ")
    for cone in result["light_cones"]:
        table.add_row(
            cone["pauli"],
            f"{len(cone['gates'])} of {result['gates']['gates']}",
            str(len(cone["angles"])),
            str(len(cone["acting_angles"])),
            " ".join(f"x{k}" for k in cone["features"]),
            " ".join(f"x{k}" for k in cone["acting_features"]),
        )
    return table


def _zx(section: dict[str, Any] | None) -> Iterator[RenderableType]:
    if section is None:
        return
    if "skipped" in section:
        yield f"ZX reduction skipped: {section['skipped']}"
        return
    table = _table(
        "ZX reduction (PyZX full_reduce); generic phases count angles and features",
        "diagram", "phases before", "after", "angles kept", "equal to the circuit",
        right=("phases before", "after"),
    )  # fmt: skip
    names = {"unitary": "unitary", "state": "state (|0> plugged in)"}
    for name, case in section["cases"].items():
        check = case["check"]
        title = names.get(name, f"<{name}>")
        if check["equal"]:
            kept = f"{case['num_angles_kept']} of {section['angles']}"
            deviation = f"yes, to {check['largest_deviation']:.0e} at {check['points']} points"
            table.add_row(title, str(case["generic_phases_before"]), str(case["generic_phases_after"]), kept, deviation)
        else:
            table.add_row(title, str(case["generic_phases_before"]), "-", "no claim", check["reason"])
    together = section["all_expectation_values"]
    if "num_angles_kept" in together:
        agreement = (
            "the angles with a gradient, exactly" if together["agrees_with_zero_gradients"] else "not the same as those with a gradient"
        )
        table.add_section()
        table.add_row("all expectation values", "", "", f"{together['num_angles_kept']} of {section['angles']}", agreement)
    yield table
    extraction = section["extraction"]
    before = extraction["before"]
    if "after" in extraction:
        after = extraction["after"]
        verdict = "larger" if after["gates"] > before["gates"] else "smaller" if after["gates"] < before["gates"] else "as large"
        yield (
            f"circuit extracted from the reduced unitary (checked equal): {before['gates']} -> {after['gates']} gates, "
            f"{before['two_qubit_gates']} -> {after['two_qubit_gates']} on two qubits: {verdict}"
        )
    else:
        yield f"circuit extraction: no claim; {extraction['reason']}"


def _fisher(section: dict[str, Any] | None) -> Iterator[RenderableType]:
    if section is None:
        return
    title = (
        f"Fisher information, {section['angles']} angles; {section['seeds']} seeds x {section['draws_of_angles']} random angle sets x "
        f"{section['inputs']} inputs; ± std over seeds"
    )
    table = _table(title, "information", "rank at one input", "ceiling there", "rank over inputs", "median eigenvalue", "zero", "trace")
    for kind in KINDS:
        values = section[kind]
        table.add_row(
            kind,
            _pm(values["rank_at_one_input"], "{:.4g}"),
            str(values["ceiling_at_one_input"]),
            _pm(values["rank_over_inputs"], "{:.4g}") + _limit(values, section["angles"]),
            f"{values['eigenvalues']['median']:.3g}",
            f"{values['eigenvalues']['share_below_1e-12_of_largest']:.1%}",
            _pm(values["trace"], "{:.3g}"),
        )
    yield table
    if section["by_depth"]:
        table = _table(
            "rank against layers (at one input / over inputs)", "depth", "layers", "angles", *KINDS, right=("depth", "layers", "angles")
        )
        for row in section["by_depth"]:
            cells = [f"{_pm(row[kind]['at_one_input'], '{:.4g}')} / {_pm(row[kind]['over_inputs'], '{:.4g}')}" for kind in KINDS]
            table.add_row(str(row["depth"]), str(row["layers"]), str(row["angles"]), *cells)
        yield table
    dimensions = ", ".join(f"{int(count):.0e}: {_pm(value, '{:.2f}')}" for count, value in section["effective_dimension"].items())
    yield f"effective dimension (classical, by number of data) {dimensions}"
    if "trained" in section:
        ranks = ", ".join(f"{kind} {section['trained'][kind]['rank_over_inputs']}" for kind in KINDS)
        yield f"at the trained angles, rank over inputs: {ranks}"
    if "note" in section:
        yield f"note: {section['note']}"


def _fourier(section: dict[str, Any] | None) -> Iterator[RenderableType]:
    if section is None:
        return
    if "by_output" not in section:
        table = _table(f"Fourier series in one feature, {section['angles']} angles", "feature", "largest frequency", "non-zero by output")
        for row in section["one_feature"]:
            counts = " ".join(map(str, row["nonzero_frequencies"]))
            table.add_row(f"x{row['feature']}", str(len(row["root_mean_square"][0]) - 1), counts)
        yield table
        yield f"note: {section['note']}"
        return
    parts = section["parts_not_zero_by_symmetry"]
    title = f"Fourier coefficients, {section['seeds']} seeds x {section['draws_of_angles']} random angle sets"
    table = _table(
        title,
        "output",
        "accessible frequencies",
        "non-zero",
        f"real + imaginary parts of {parts}",
        f"independent of {section['accessible']}",
    )
    rows = [(row["pauli"], accessible, row) for row, accessible in zip(section["by_output"], section["accessible_by_output"], strict=True)]
    for name, accessible, row in [*rows, ("any of them", section["accessible"], section["union_over_outputs"])]:
        split = f"{row['real_parts']} + {row['imaginary_parts']} = {row['parts']}"
        table.add_row(name, str(accessible), str(row["frequencies"]), split, str(row["independent"]))
    yield table
    if "trained" in section:
        yield "at the trained angles, non-zero parts by output: " + ", ".join(str(row["parts"]) for row in section["trained"]["by_output"])
    if "note" in section:
        yield f"note: {section['note']}"


def _plateaus(section: dict[str, Any] | None) -> Iterator[RenderableType]:
    if section is None:
        return
    for key, name, heading in (("by_qubits", "num_qubits", "qubits"), ("by_depth", "depth", "depth")):
        if section[key]:
            table = _table(
                f"variance of gradients against {heading}; ± bootstrap", heading, "draws", "own observables", "one on all qubits"
            )
            for row in section[key]:
                cells = [f"{row[k]['variance']:.2e} ± {row[k]['bootstrap_error']:.0e}" for k in ("own", "global")]
                table.add_row(str(row[name]), str(row["draws"]), *cells)
            yield table
    if "rates_per_qubit" in section:
        own, everywhere = (section["rates_per_qubit"][kind] for kind in ("own", "global"))
        first, last = (section["by_qubits"][k]["num_qubits"] for k in (0, -1))
        yield (
            f"fitted: variance ~ 2^(-r n) with r = {own['rate']:.2f} ± {own['error']:.2f} (own observables), "
            f"{everywhere['rate']:.2f} ± {everywhere['error']:.2f} (one on all qubits), over {first} to {last} qubits"
        )


def _limit(values: dict[str, Any], angles: int) -> str:
    """A remark where so few inputs cannot show the full rank."""
    ceiling = values["ceiling_over_inputs"]
    return f" (these inputs show at most {ceiling})" if ceiling < angles else ""


def _pm(value: dict[str, float], form: str) -> str:
    return form.format(value["mean"]) + (f" ± {value['std']:.2g}" if value["std"] > 0 else "")
