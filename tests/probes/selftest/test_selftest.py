"""The self-test passes on the lab as it is, and fails when a control or a metric is not what it must be."""

import numpy as np
import pytest

from icl.metrics import catalogue
from probes.catalogue.index import PROBES
from probes.scorers import controls
from probes.selftest import run
from probes.selftest.expectations import EXPECTATIONS
from probes.selftest.run import _read, selftest, selftest_table


@pytest.fixture
def uniform_alone(monkeypatch):
    """Read one control, where a single failure is what is looked for."""
    monkeypatch.setattr(run, "EXPECTATIONS", {"uniform": EXPECTATIONS["uniform"]})


def test_a_probe_reads_every_control_as_it_must():
    readings = _read("label-space", "topic")
    assert {reading.control for reading in readings} == {name for name in EXPECTATIONS if controls.is_control(name)}
    assert all(reading.passed for reading in readings), [r.failures[:2] for r in readings if not r.passed]
    assert min(reading.checked for reading in readings) > 2


def test_a_control_that_breaks_its_rule_fails(monkeypatch, uniform_alone):
    def biased(prompt):
        odds = np.ones(len(prompt.candidates))
        odds[-1] += 0.01 * len(prompt.demonstrations)
        return odds / odds.sum()

    monkeypatch.setitem(controls.CONTROLS, "uniform", biased)
    (uniform,) = _read("input-distribution", "topic")
    assert not uniform.passed
    assert any("gold_probability" in failure for failure in uniform.failures)
    table = selftest_table([uniform])
    assert "OF" in table.loc["input-distribution (topic)", "uniform"]


def test_a_metric_that_reads_wrongly_fails(monkeypatch, uniform_alone):
    real = catalogue.EFFECTS["label_effects"]

    def shifted(outcomes):
        return [row | {"estimate": row["estimate"] + 0.1} for row in real(outcomes)]

    monkeypatch.setitem(catalogue.EFFECTS, "label_effects", shifted)
    assert not all(reading.passed for reading in _read("label-space", "topic"))


@pytest.mark.slow
def test_every_probe_reads_every_control_as_it_must():
    readings = list(selftest())
    assert {reading.probe for reading in readings} == set(PROBES)
    assert {reading.control for reading in readings} == set(EXPECTATIONS)
    assert all(reading.passed for reading in readings), [
        (r.probe, r.task, r.control, r.failures[:2]) for r in readings if not r.passed
    ]
