"""Builds and runs the tests of the C++ runtime without torch: plain, under AddressSanitizer with UndefinedBehaviorSanitizer, and those
that use threads under ThreadSanitizer."""

import shutil

import pytest

from cpp_build import ROOT, configure, cpp_build, run


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
@pytest.mark.parametrize(
    ("sanitize", "target", "selection"), [("OFF", "all", []), ("address", "all", []), ("thread", "threads_tests", ["-L", "threads"])]
)
def test_cpp_tests_pass(sanitize, target, selection):
    folder = cpp_build(sanitize, target)
    # Detection of odr violations and leaks stays on: the fake engine library is opened by dlopen, as libtorch's engines are.
    environment = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1"}
    done = run("ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error", *selection, **environment)
    assert "100% tests passed" in done.stdout


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_an_unknown_sanitizer_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="QALLEGRO_SANITIZE must be OFF, address or thread, received memory"):
        configure(ROOT, tmp_path, QALLEGRO_TORCH="OFF", QALLEGRO_LAMMPS="OFF", QALLEGRO_SANITIZE="memory")
