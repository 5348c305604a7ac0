"""Differences between two runs that affect a time ratio."""

import pytest

from gradiometer.analysis.compare import comparability
from gradiometer.analysis.compare.comparison import compare


def differences(first, second):
    return {(it.aspect, it.what): (it.a, it.b) for it in comparability.differences(first, second)}


def test_another_torch_is_a_difference_on_the_same_machine(first, other):
    compared = compare(first, other(edit=lambda run: run["versions"].update(torch="2.14.0")))
    assert compared.one_machine and compared.differs_in == "software"
    assert compared.label == "software (torch 2.14.0 instead of 2.13.0)"


@pytest.mark.parametrize(("name", "value"), [("name", "full"), ("budget_s", 900.0), ("processes", 9)])
def test_another_study_or_budget_is_a_difference_on_the_same_machine(first, other, name, value):
    second = other(edit=lambda run: run["study"].update({name: value}))
    assert differences(first, second) == {("study", name): (str(first.runs[0]["study"][name]), str(value))}
    assert compare(first, second).one_machine


def test_another_version_of_a_derivation_is_a_difference_that_names_the_problem(first, other):
    second = other(edit=lambda run: run["problems"]["linear_autoencoder"].update(source_hash="cd"))
    assert differences(first, second) == {("source", "linear_autoencoder"): ("ab", "cd")}
    compared = compare(first, second)
    assert compared.one_machine and compared.differs_in == "source" and compared.cells["ratio"].notna().any()


def test_another_machine_and_other_numerics_are_differences(gpu):
    assert not gpu.one_machine and gpu.differs_in == "hardware, numerics and conditions"
    assert gpu.label.startswith(
        "hardware (Imaginary H1000 instead of Imaginary Xeon); numerics (requested tf32 instead of ieee"
    )


def test_settings_that_only_one_run_recorded_are_no_difference_in_an_aspect(first, other):
    second = other(edit=lambda run: run.update(numerics_in_force={"cpu": {"mkldnn": True}}))
    assert differences(first, second) == {("numerics", comparability.ONE_RUN_ONLY): ("nothing", "cpu.mkldnn")}
    assert not compare(first, second).label
