"""Figures of trained circuits: labelled, legends off the data, every value drawn, none left open."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from qbp.book.figures import vqe_plots
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.registry import run
from qbp.statistics.gains import gains
from qbp.studies.circuit_studies import study

SMALL = {"qubits": 2, "layers": 1, "seeds": 3, "record_every": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def methods():
    found = {}
    for label, options in study("methods").rows.items():
        steps = 8 if "longer" in label else 4
        algorithm = {} if options["method"] == "no-init" else {"stage_1_steps": 9 if "only" in label else 2}
        shared = SMALL | {"steps": steps, "algorithm": algorithm, "hamiltonian": "random"}
        found[label] = run(CircuitExperiment(**{**options, **shared}))
    return found


@pytest.fixture(scope="module")
def figures(methods):
    found = gains("random", methods)
    two = {m: run(CircuitExperiment(method=m, shots=10, steps=4, **SMALL)) for m in ("no-init", "two-stage")}
    return {
        "evaluations": vqe_plots.against_evaluations({"random": methods, "tfim, plain": methods}),
        "forest": vqe_plots.forest(found),
        "information": vqe_plots.gain_against_information(found),
        "shots": vqe_plots.with_shots({10: two, 100: two}),
    }


def test_figures_are_labelled_and_closed(figures):
    assert plt.get_fignums() == []
    for figure in figures.values():
        figure.savefig(io.BytesIO(), format="png")
        for axis in figure.axes:
            if axis.axison:
                assert axis.get_xlabel() or axis.get_title()
        assert all(legend.get_texts() for legend in figure.legends)
    left, right = figures["evaluations"].axes
    assert left.get_ylabel() == "infidelity" and right.get_ylabel() == "error (energy)"


def test_curves_and_factors_are_those_of_the_results(figures, methods):
    axis = figures["evaluations"].axes[0]
    lines = dict(
        zip([t.get_text() for t in figures["evaluations"].legends[0].texts], axis.lines, strict=True)
    )
    for label, result in methods.items():
        np.testing.assert_allclose(lines[label].get_ydata(), result.history["error"].mean(0))
        np.testing.assert_allclose(lines[label].get_xdata() * 1000, result.history["evaluations"][0])
    factors = [1 + g.steps.mean for g in gains("random", methods)]
    drawn = [line.get_xdata()[0] for line in figures["forest"].axes[0].lines if len(line.get_xdata()) == 1]
    np.testing.assert_allclose(sorted(drawn), sorted(max(f, vqe_plots.LOWEST) for f in factors))
