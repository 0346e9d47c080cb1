"""`qallegro bench` and `bench compare` as a user types them: tiny crystals, real LAMMPS, ASE and runtime."""

import copy
import json

import ase
import ase.io
import numpy as np
import pytest

from lammps_models import FLOAT32, FLOAT64, write_allegro
from native_files import random_potential, write_native_file
from qallegro.errors import ExportError
from qallegro.latency import bench_accuracy
from qallegro.latency.bench_compare import ratio_interval
from qallegro.latency.bench_reference import float64_potential
from qallegro.latency.bench_systems import base_structure, repeated, repeats_for
from qallegro.latency.reports import check_report
from systems import tiny_config
from tolerances import SUM_OF_TIMES

STEPS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`model.pth` holds what engine `native` reads and no program for libtorch."""
    path = tmp_path_factory.mktemp("bench")
    write_native_file(path / "model.pth", random_potential(tiny_config("default")))
    return path


@pytest.fixture(scope="module")
def names():
    return list(tiny_config("default").atom_types)


@pytest.fixture
def program(qallegro, monkeypatch, folder):
    monkeypatch.chdir(folder)
    return qallegro


@pytest.fixture
def bench(program, folder):
    """The benchmark that the other tests read, run once."""
    if not (folder / "b.json").is_file():
        words = ("--in", "lammps,ase,raw", "--ranks", "1,2", "--sizes", "30", "--steps", STEPS, "--turns", 1)
        code, out, err = program("bench", "model.pth", "--engine", "native", *words, "-o", "b.json")
        assert code == 0, err
        (folder / "printed").write_text(out)
    return json.loads((folder / "b.json").read_text())


def test_every_program_and_rank_is_measured(bench, folder):
    assert bench["format"] == "qallegro-bench" and bench["format_version"] == 1
    layouts = [(row["in"], row["ranks"]) for row in bench["candidates"]]
    assert sorted(layouts) == [("ase", 1), ("lammps", 1), ("lammps", 2), ("raw", 1)]
    for row in bench["candidates"]:
        report = row["turns"][0]["report"]
        check_report(report, "test")
        assert report["source"] == row["in"] and report["engine"] == "native" and report["ranks"] == row["ranks"]
        assert report["steps"] == STEPS and report["atoms"] == row["atoms"] == 32 and len(row["turns"]) == 1
        assert report["model"] == "model.pth" and report["phases"]["backward"]["total"] > 0.0
        micros = 1e6 * report["wall_seconds"] / (STEPS * 32)
        assert row["median"] == pytest.approx(micros, rel=SUM_OF_TIMES) and row["min"] == row["max"] == row["median"]
        moved = report["counts"]["neighbor_list_builds"]
        assert moved == 0 if row["in"] == "raw" else moved <= 1
    # the same sites and widths of displacement: nearly as many edges within the cutoff everywhere
    edges = [row["turns"][0]["report"]["counts"]["edges"] for row in bench["candidates"]]
    assert max(edges) < 1.5 * min(edges)
    for name in ("b.size.png", "b.phases.png", "b.ranks.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_speed_and_accuracy_are_printed(bench, folder):
    printed = (folder / "printed").read_text()
    for words in ("µs/atom/step", "lammps", "ase", "raw", "2 x 1", "float64", "1 turns of 4 steps", "wrote b.ranks.png"):
        assert words in printed
    row = bench["accuracy"][0]
    assert row["engine"] == "native" and row["reference"] == "float64" and row["largest_force"] > 0.0
    assert row["dtype"] == "float64" and row["largest_difference"] < FLOAT64.force


def test_forces_are_compared_on_all_sizes_that_are_not_too_large(program, folder, monkeypatch):
    words = ("--engine", "native", "--in", "raw", "--sizes", "100,30", "--steps", 1, "--turns", 1)
    for most, sizes in ((1000, [32, 108]), (50, [32])):
        monkeypatch.setattr(bench_accuracy, "MOST_COMPARED", most)
        code, _, err = program("bench", "model.pth", *words, "-o", "sizes.json")
        assert code == 0, err
        rows = json.loads((folder / "sizes.json").read_text())["accuracy"]
        assert [row["atoms"] for row in rows] == sizes
        assert all(row["reference"] == "float64" and row["largest_difference"] < FLOAT64.force for row in rows)


def test_a_circuit_on_two_threads(program, folder):
    """The file has no program for libtorch, so that nothing is there to compare its surrogate with."""
    write_native_file(folder / "circuit.pth", random_potential(tiny_config("qdi")))
    words = ("--engine", "native", "--in", "lammps,ase,raw", "--threads", 2, "--sizes", 30, "--steps", 2, "--turns", 1)
    code, out, err = program("bench", "circuit.pth", *words, "-o", "circuit.json")
    assert code == 0, err
    assert "1 x 2" in out and "none runs" in out
    bench = json.loads((folder / "circuit.json").read_text())
    reports = [row["turns"][0]["report"] for row in bench["candidates"]]
    assert [(report["source"], report["threads"]) for report in reports] == [("lammps", 2), ("ase", 2), ("raw", 2)]
    assert all(report["surrogate"] == "gates" and report["phases"]["surrogate"]["total"] > 0.0 for report in reports)
    assert bench["accuracy"][0]["reference"] is None and bench["settings"]["device"] == "cpu"


@pytest.mark.slow
def test_engine_of_all_that_cannot_run_the_file_is_left_out(program):
    words = ("--in", "raw", "--repeat", 1, "--steps", 1, "--turns", 1)
    code, out, err = program("bench", "model.pth", *words, "-o", "all.json")
    assert code == 0, err
    assert "left out: torchscript of model.pth" in out
    assert [row["engine"] for row in json.loads(open("all.json").read())["candidates"]] == ["native"]


@pytest.mark.slow
def test_a_molecule_gets_a_box(program, folder, names):
    positions = [[0.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 1.8, 0.0]]
    ase.io.write(folder / "molecule.xyz", ase.Atoms(names[:1] * 2 + names[-1:], positions))
    words = ("--engine", "native", "--in", "lammps,raw", "--structure", "molecule.xyz", "--steps", 2, "--turns", 1)
    code, _, err = program("bench", "model.pth", *words, "-o", "molecule.json")
    assert code == 0, err
    reports = [row["turns"][0]["report"] for row in json.loads((folder / "molecule.json").read_text())["candidates"]]
    assert [(report["atoms"], report["counts"]["edges"]) for report in reports] == [(3, 12)] * 2  # each sees both others, in two steps


MISTAKES = {
    "engine": (["--engine", "fastest"], "`--engine` must be some of native, torchscript, aoti, all, got 'fastest'"),
    "program": (["--in", "lammps,cp2k"], "`--in` must be some of lammps, ase, raw, got 'cp2k'"),
    "sizes": (["--sizes", "many"], "`--sizes` must be whole numbers separated by commas, got 'many'"),
    "no atoms": (["--sizes", "0"], "`--sizes` must be at least 1, got 0"),
    "turns": (["--turns", "0"], "`--turns` must be at least 1, got 0"),
    "size twice": (["--sizes", "100", "--repeat", "2"], "give one"),
    "ranks without LAMMPS": (["--ranks", "2", "--in", "ase"], "`--ranks` above 1 needs `lammps`"),
    "no folder": (["-o", "absent/bench.json"], "`--output` must lead into a folder"),
    "structure": (["--structure", "absent.xyz"], "`--structure` must be a file that ASE can read, got `absent.xyz`"),
    "foreign species": (["--structure", "gold.xyz"], "must hold atoms of the model's species"),
    "twice": (["model.pth"], "got 'model.pth' more than once"),
    "device": (["--device", "tpu"], "`--device` must be cpu, cuda or cuda:N, got 'tpu'"),
    "engine of the CPU": (["--device", "cuda", "--engine", "native"], "got native: `engine` `native` runs on the CPU"),
    "cannot run": (
        ["--engine", "torchscript", "--in", "raw"],
        "`--engine` must name engines that run `model.pth`, got torchscript",
    ),
    "no model": (["absent.pth"], "absent.pth"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told(program, folder, name):
    words, message = MISTAKES[name]
    ase.io.write(folder / "gold.xyz", ase.Atoms("Au", cell=[4.0] * 3, pbc=True))
    code, _, err = program("bench", "model.pth", "-o", "mistake.json", *words)
    assert code == 1 and message in err and "Traceback" not in err
    assert not (folder / "mistake.json").exists()


def scaled(bench, factor, turns=3):
    """As if every candidate had taken `factor` times as long, in turns that differ by some percent."""
    copied = copy.deepcopy(bench)
    for row in copied["candidates"]:
        turn = row["turns"][0]
        row["turns"] = [{**turn, "us_per_atom_step": factor * (1.0 + 0.02 * k)} for k in range(turns)]
    return copied


def test_compare_finds_the_ratio(program, bench, folder):
    (folder / "first.json").write_text(json.dumps(scaled(bench, 1.0)))
    second = scaled(bench, 2.0)
    for row in second["candidates"]:
        row["file"] = "other.pth"
    (folder / "second.json").write_text(json.dumps(second))
    code, out, err = program("bench", "compare", "first.json", "second.json")
    assert code == 0, err
    rows = [line for line in out.splitlines() if "native" in line]
    assert len(rows) == 4 and all("2.000" in row and "1.92..2.08" in row and "3, 3" in row for row in rows)
    assert program("bench", "compare", "first.json", "second.json").out == out


def test_interval_of_many_turns_holds_the_ratio_and_narrows():
    rng = np.random.default_rng(5)
    widths = []
    for turns in (10, 1000):
        low, high = ratio_interval(rng.normal(10.0, 1.0, turns), rng.normal(15.0, 1.0, turns), np.random.default_rng(0))
        assert low < 1.5 < high
        widths.append(high - low)
    assert widths[1] < 0.3 * widths[0]


def test_compare_refuses_what_shares_nothing_or_is_no_benchmark(program, bench, folder):
    other = copy.deepcopy(bench)
    for row in other["candidates"]:
        row["atoms"] = 64
    files = {"sizes": other, "version": {**bench, "format_version": 2}, "empty": {**bench, "candidates": []}}
    files["report"] = bench["candidates"][0]["turns"][0]["report"]
    files["zero"] = scaled(bench, 0.0)
    messages = {
        "sizes": "benchmarks must share a candidate (engine, in, ranks, threads, atoms)",
        "version": "`format_version` of benchmark `version.json` must be 1, got 2",
        "empty": "`candidates` of benchmark `empty.json` must be a list that is not empty",
        "report": "`format` of benchmark `report.json` must be 'qallegro-bench', got 'qallegro-latency'",
        "zero": "`us_per_atom_step` of `candidates[0]` of benchmark `zero.json` must be above 0, got 0.0",
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
        code, _, err = program("bench", "compare", "b.json", f"{name}.json")
        assert code == 1 and messages[name] in err and "Traceback" not in err


def test_sizes_are_met_with_boxes_like_cubes(names):
    base = base_structure({"atom_types": names, "r_max": 4.0}, None, "model.pth")
    for wanted in (1, 30, 100, 1000, 10000):
        repeats = repeats_for(base, wanted)
        atoms = repeated(base, repeats, names, mix=True)
        assert max(repeats) - min(repeats) <= 1 and 0.7 < len(atoms) / max(wanted, len(base)) < 1.4
        counts = [atoms.get_chemical_symbols().count(name) for name in names]
        assert min(counts) > 0 and max(counts) - min(counts) <= 1


def test_long_cells_are_repeated_across():
    base = ase.Atoms("Cu2", [[0, 0, 0], [0, 0, 10]], cell=[3.0, 3.0, 20.0], pbc=True)
    assert repeats_for(base, 2 * 36) == (6, 6, 1)


@pytest.mark.slow
def test_engines_are_compared_with_the_program_in_the_file(qallegro, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_allegro("default", "float32", tmp_path / "full.qallegro.pth")
    code, out, err = qallegro("bench", "full.qallegro.pth", "--sizes", "30", "--steps", 2, "--turns", 2, "--in", "raw,lammps")
    assert code == 0, err
    bench = json.loads((tmp_path / "bench.json").read_text())
    rows = {row["engine"]: row for row in bench["accuracy"]}
    assert rows.keys() == {"native", "torchscript"}
    for row in rows.values():
        assert row["reference"] == "float64" and 0.0 < row["largest_difference"] < FLOAT32.force
    assert {(row["engine"], row["in"]) for row in bench["candidates"]} == {(e, p) for e in rows for p in ("raw", "lammps")}
    assert not bench["left_out"] and all(row["min"] <= row["median"] <= row["max"] for row in bench["candidates"])


@pytest.mark.slow
def test_a_circuit_is_compared_with_the_program_in_the_file(qallegro, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_allegro("qdi", "float32", tmp_path / "circuit.qallegro.pth")
    code, out, err = qallegro("bench", "circuit.qallegro.pth", "--sizes", "30", "--steps", 2, "--turns", 1, "--in", "raw,ase,lammps")
    assert code == 0, err
    rows = {row["engine"]: row for row in json.loads((tmp_path / "bench.json").read_text())["accuracy"]}
    assert rows["native"]["reference"] == "torchscript" and 0.0 < rows["native"]["largest_difference"] < FLOAT32.force
    assert rows["torchscript"]["largest_difference"] is None


def test_reference_is_the_model_of_the_file(tmp_path):
    """In float64 with the file's float32 weights, and refused where a circuit has become something else."""
    config = tiny_config("default", dtype="float32")
    potential = random_potential(config)
    write_native_file(tmp_path / "float32.pth", potential)
    reference = float64_potential(tmp_path / "float32.pth")
    assert reference.record["dtype"] == "float64" and reference.record["atom_types"] == list(config.atom_types)
    write_native_file(tmp_path / "circuit.pth", random_potential(tiny_config("qdi")))
    with pytest.raises(ExportError, match="must hold no circuit"):
        float64_potential(tmp_path / "circuit.pth")
