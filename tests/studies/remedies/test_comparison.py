"""Comparison of the remedies with random angles: factors, verdicts, what a start says of the end."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from qbp.studies.remedies import comparison
from qbp.studies.remedies.comparison import FAILED, SOLVED, Cell

RNG = np.random.default_rng(5)
N = 20


def cell(level="10", **factors):
    """A cell whose methods end at a factor of random angles' error, with some scatter."""
    random = np.exp(RNG.normal(-1, 0.5, N))
    errors = {"random": random}
    errors |= {name: random * factor * np.exp(RNG.normal(0, 0.1, N)) for name, factor in factors.items()}
    return Cell("tfim", 6, level, ("remedies-tfim-10",), errors, {name: 1 / e for name, e in errors.items()})


def test_factors_and_verdicts_are_those_that_were_put_in():
    rows = {row.method: row for row in comparison.compared([cell(warm=0.5, zero=2.0, identity=1.0)])}
    assert set(rows) == {"warm", "zero", "identity"}
    assert [rows[m].verdict for m in ("warm", "zero", "identity")] == ["lower", "higher", "not told apart"]
    for method, factor in (("warm", 0.5), ("zero", 2.0), ("identity", 1.0)):
        found = rows[method].factor
        assert abs(np.log(found.mean / factor)) < 3 * 0.1 / N**0.5 and found.n == N
        assert found.low < found.mean < found.high and 1.05 < found.high / found.low < 1.2


def test_holm_counts_every_row_of_every_cell():
    cells = [cell(warm=0.5), cell("100", warm=0.5), cell("exact", warm=0.5)]
    p = [row.p for row in comparison.compared(cells)]
    assert len(p) == 3 and p[0] == pytest.approx(3 * comparison.compared(cells[:1])[0].p)


def test_another_baseline_must_be_there():
    found = cell(warm=0.5)
    assert {row.method for row in comparison.compared([found], "warm")} == {"random"}
    with pytest.raises(ValueError, match="baseline must be a method of tfim, 6 qubits, 10 shots, got 'zero'"):
        comparison.compared([found], "zero")
    assert comparison.compared([]) == []


def test_the_correlation_is_spearmans_of_each_seed():
    found = cell(warm=0.5, zero=2.0, identity=1.0)
    gradients = {name: RNG.uniform(size=N) for name in found.errors}
    of = Cell(*list(vars(found).values())[:5], gradients)
    pairs = [([g[s] for g in gradients.values()], [e[s] for e in found.errors.values()]) for s in range(N)]
    expected = np.mean([spearmanr(*pair).statistic for pair in pairs])
    interval = comparison.start_against_end(of)
    assert interval.mean == pytest.approx(expected, abs=1e-12) and interval.low < expected < interval.high
    assert comparison.start_against_end(found).mean == pytest.approx(-1)  # the gradient is one over the error


def test_a_correlation_needs_methods_that_differ():
    with pytest.raises(ValueError, match="three methods or more, got 2"):
        comparison.start_against_end(cell(warm=0.5))
    same = {name: np.ones(N) for name in ("random", "warm", "zero")}
    with pytest.raises(ValueError, match="a seed on which methods differ"):
        comparison.start_against_end(Cell("tfim", 6, "10", (), same, same))


def test_the_best_method_and_those_like_it():
    best, alike = comparison.best_and_alike(cell(warm=0.2, zero=0.2, identity=3.0))
    assert {best, *alike} == {"warm", "zero"}
    assert comparison.best_and_alike(Cell("tfim", 6, "10", (), {"random": np.ones(N)}, {})) == ("random", ())


def test_a_run_that_diverged_is_the_worst_and_a_solved_one_is_solved():
    class Run:
        diverged = np.array([False, True, False, False])

        def final(self, metric):
            return np.array([-1e-16, 0.1, np.inf, 0.5])

    assert comparison.final_errors(Run()).tolist() == [SOLVED, FAILED, FAILED, 0.5]
