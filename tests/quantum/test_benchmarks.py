"""What the benchmarks make of their numbers: equal budgets, claims that the spread allows, tables. Not the numbers themselves."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path += [str(BENCHMARKS / "variants"), str(BENCHMARKS / "quantum_layer")]

import budget  # noqa: E402
import comparison  # noqa: E402
import layer_report  # noqa: E402
import outcome  # noqa: E402
import settings  # noqa: E402
import timing  # noqa: E402

SPECIES = {"cu_li": ["Cu", "Li"], "aspirin": ["C", "H", "O"]}
TOLERANCE = 0.01


def parameters(data_set: str, variant: str, width: int) -> int:
    return budget.trainable_parameters(settings.model_section(data_set, variant, width), SPECIES[data_set])


@pytest.mark.parametrize("data_set", list(settings.DATA_SETS))
@pytest.mark.parametrize("variant", list(settings.VARIANTS))
def test_variants_have_equal_budgets(data_set, variant):
    target = parameters(data_set, "allegro", settings.REFERENCE_READOUT)
    width = budget.matching_width(lambda width: parameters(data_set, variant, width), target, TOLERANCE)
    assert abs(parameters(data_set, variant, width) - target) <= TOLERANCE * target
    # The nearest: one more or one less is no better.
    for other in (width - 1, width + 1):
        assert abs(parameters(data_set, variant, other) - target) >= abs(parameters(data_set, variant, width) - target)


def test_frozen_angles_do_not_count():
    assert parameters("cu_li", "qdi", 10) > parameters("cu_li", "qdi_frozen", 10)


@pytest.mark.parametrize(("target", "expected"), [(1, 1), (103, 1), (106, 2), (130, 10), (131, 10), (132, 11)])
def test_width_nearest_to_a_budget(target, expected):
    assert budget.matching_width(lambda width: 100 + 3 * width, target, 1e3) == expected


def test_budget_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="parameters must match 50 within 1 %, the nearest readout width 1 gives 103"):
        budget.matching_width(lambda width: 100 + 3 * width, 50, 0.01)


def test_student_quantiles():
    # Tables of Student's t: two-sided 5 % at 2 and at 9 degrees of freedom; and 5 % over five comparisons is 1 % each.
    assert comparison.quantile(3, 1) == pytest.approx(4.3027, abs=1e-4)
    assert comparison.quantile(10, 1) == pytest.approx(2.2622, abs=1e-4)
    assert comparison.quantile(3, 5) == pytest.approx(9.9248, abs=1e-4)


def test_paired_difference_uses_common_seeds_alone():
    found = comparison.paired({1: 10.0, 2: 12.0, 3: 14.0, 7: 99.0}, {1: 9.0, 2: 10.0, 3: 11.0, 8: -50.0}, 1)
    assert (found.mean, found.seeds) == (2.0, 3)
    assert found.standard_error == pytest.approx(1.0 / math.sqrt(3.0))


def test_no_claim_where_spreads_overlap():
    found = comparison.paired({1: 20.0, 2: 23.0, 3: 21.0}, {1: 22.0, 2: 20.0, 3: 24.0}, 4)
    sentence = comparison.verdict(found, "+QDI", "Allegro", "meV/Å")
    assert not found.resolved and "no difference resolved" in sentence
    assert "lower errors" not in sentence and "higher errors" not in sentence


@pytest.mark.parametrize(("sign", "word"), [(-1.0, "lower"), (1.0, "higher")])
def test_clear_difference_is_claimed_in_its_direction(sign, word):
    a = {seed: 20.0 + sign * (5.0 + 0.01 * seed) for seed in (1, 2, 3)}
    found = comparison.paired(a, dict.fromkeys((1, 2, 3), 20.0), 4)
    assert comparison.verdict(found, "+QDI", "Allegro", "meV/Å").startswith(f"+QDI has {word} errors than Allegro, by 5.02 meV/Å")


def test_difference_beyond_one_comparison_but_not_beyond_several_is_no_claim():
    # mean 5 at a standard error of 1 / sqrt 3: t = 8.66, between 4.30 (one comparison) and 9.92 (five)
    found = comparison.paired({1: 4.0, 2: 5.0, 3: 6.0}, dict.fromkeys((1, 2, 3), 0.0), 5)
    assert found.suggested and not found.resolved
    assert "no difference resolved" in comparison.verdict(found, "A", "B", "meV/Å")
    assert comparison.paired({1: 4.0, 2: 5.0, 3: 6.0}, dict.fromkeys((1, 2, 3), 0.0), 1).resolved


def test_one_seed_claims_nothing():
    found = comparison.paired({1: 1.0}, {1: 100.0}, 1)
    assert not found.resolved and not found.suggested
    assert "nothing is claimed" in comparison.verdict(found, "A", "B", "meV/Å")


def test_false_claims_are_as_rare_as_stated():
    """Equal variants: any of the comparisons of a table is claimed in at most 5 % of tables."""
    rng = np.random.default_rng(4)
    tables = 1000
    claims = 0
    for _ in range(tables):
        errors = {variant: dict(enumerate(rng.normal(20.0, 2.0, 3))) for variant in settings.VARIANTS}
        pairs = settings.COMPARISONS
        claims += any(comparison.paired(errors[a], errors[b], len(pairs)).resolved for a, b in pairs)
    # three standard deviations of a binomial count above the rate
    assert claims <= tables * 0.05 + 3.0 * math.sqrt(tables * 0.05 * 0.95)


def made_outcomes(shift: float) -> list[outcome.Outcome]:
    noise = {1: 0.3, 2: -0.2, 3: 0.1}
    return [
        outcome.Outcome("cu_li", variant, seed, 17_000 + number, 20.0 + noise[seed] + move, 3.0 + seed, 700.0, 1.5, 30)
        for number, (variant, move) in enumerate((("allegro", 0.0), ("qdi", shift)))
        for seed in noise
    ]


RECORD = {
    "machine": {"processor": "a processor", "cores": 1, "load_average": [0.0]},
    "workers": 1,
    "date": "2025-01-01",
    "versions": {"torch": "2"},
}


def test_report_shows_mean_and_spread_of_each_variant():
    text = outcome.markdown(made_outcomes(0.0), RECORD)
    row = next(line for line in text.splitlines() if line.startswith("| Allegro "))
    # mean 20 + 0.2/3, standard deviation over n - 1 of 0.3, -0.2, 0.1
    assert row == "| Allegro | 17,000 | 3 | 20.07 ± 0.25 | 5.00 ± 1.00 | 1.50 | - |"
    assert "+QDI against Allegro: no difference resolved" in text and "+QDI has" not in text


def test_report_claims_a_clear_difference_and_records_it():
    outcomes = made_outcomes(-4.0)
    assert "+QDI has lower errors than Allegro, by 4.00 meV/Å" in outcome.markdown(outcomes, RECORD)
    forces = next(d for d in outcome.differences_record(outcomes) if d["quantity"] == "force MAE")
    assert forces["resolved"] and forces["mean"] == pytest.approx(-4.0)
    energy = next(d for d in outcome.differences_record(outcomes) if d["quantity"] == "energy MAE")
    assert energy["mean"] == 0.0 and "resolved" not in energy


def test_ratio_is_that_of_medians_with_quartiles_by_turn():
    found = timing.ratio([2.0, 4.0, 6.0, 100.0, 4.0], [1.0, 2.0, 2.0, 2.0, 2.0])
    assert found["of_medians"] == 2.0
    assert found["quartiles_by_turn"] == [2.0, 3.0]


def test_turns_call_every_function_as_often():
    calls = []
    seconds = timing.take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 4)
    assert {name: len(values) for name, values in seconds.items()} == {"a": 4, "b": 4}
    # one warm-up each, then turns in which each goes first as often as the other
    assert "".join(calls) == "ab" + "abba" * 2


def test_layer_table_marks_the_picked_form_and_reasons():
    entry = {"median": 5e-3, "quartiles": [4e-3, 6e-3], "seconds": [5e-3], "edges": 5000}
    fewer = {**entry, "edges": 500}
    circuit = {
        "number": 3,
        "picked": "F",
        "inexact": ["U"],
        "measures": {"gradient": {"F": entry, "U": fewer, "G": {"skipped": "memory"}}},
    }
    cells = [layer_report.cell(circuit, "gradient", method, 5000) for method in ("F", "U", "G", "TorchLayer")]
    assert cells == ["**1**", "10† [500]", "memory", "-"]
