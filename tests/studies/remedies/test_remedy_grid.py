"""Grid of the remedies, the rule for their step sizes, and recommendations from small tables."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from said import Said

from qbp.remedies.registry import remedies
from qbp.remedies.tasks import TASKS
from qbp.results import store
from qbp.results.table import Table, seconds
from qbp.studies import tables
from qbp.studies.remedies import comparison, grid, rates, recommendation
from qbp.studies.remedies.grid import LEVELS, PIECES, Piece


def test_the_grid_has_every_method_on_every_task_and_level():
    cells = {
        (c.hamiltonian, c.method, c.shots)
        for p in PIECES.values()
        if p.qubits == 6
        for c in p.configs().values()
    }
    assert cells == {(t, m, s) for t in TASKS for m in remedies() for s in LEVELS.values()}
    assert len(TASKS) == 6 and len(LEVELS) == 4 and len(remedies()) >= 16
    for name, piece in PIECES.items():
        configs = piece.configs().values()
        assert all(c.seeds == 20 and c.seed == 0 and c.layers == c.qubits for c in configs)
        assert {grid.STUDY.home(c) for c in configs} == {name}
        assert sum(map(seconds, configs)) < 3600, name
    assert sum(seconds(c) for p in PIECES.values() for c in p.configs().values()) < 2 * 8 * 3600
    tuned = [c for task in grid.RATES.tasks for c in grid.RATES.configs(task).values()]
    assert not {s for c in tuned for s in c.run_seeds} & set(range(20))


@pytest.fixture
def small(monkeypatch):
    """A grid of one small piece."""
    methods = ("no-init", "zero", "rotosolve")
    pieces = {f"remedies-small-{level}": Piece("tfim", level, 2, methods) for level in ("exact", "10")}
    monkeypatch.setattr(grid, "PIECES", pieces)
    monkeypatch.setattr(recommendation, "PIECES", pieces)
    monkeypatch.setattr(comparison, "PIECES", pieces)
    table = {name: Table("V", {}, grid.KEPT, "remedies") for name in pieces}
    monkeypatch.setattr(tables, "TABLES", table)
    monkeypatch.setattr(tables, "STUDIES", (grid.STUDY,))
    for cached in (tables.tables, tables._sources):
        cached.cache_clear()
    yield
    for cached in (tables.tables, tables._sources):
        cached.cache_clear()


def test_a_recommendation_reads_the_table_and_says_what_it_rests_on(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "DIRECTORY", tmp_path / "results")
    before = recommendation.recommend("tfim", 2, 10, tmp_path / "results")
    assert before.best is None and str(before).startswith("no committed table has tfim with shots yet")
    monkeypatch.setattr(Piece, "configs", _few(Piece.configs))
    said = Said("grid", "--jobs", "1", "--save", "results", "--parts", "parts")
    assert said.status == 0, said.err
    found = recommendation.recommend("tfim", 3, 12, tmp_path / "results")
    assert set(found.median) == {"random", "zero", "rotosolve"} and found.best == min(
        found.median, key=found.median.get
    )
    assert "remedies-small-10: tfim, 2 qubits, 10 shots, 2 layers, 3 seeds" in found.rests_on
    assert json.loads(json.dumps(found.json()))["best"] == found.best
    assert str(found).startswith(f"use {found.best}")
    exact = recommendation.recommend("tfim", 2, None, tmp_path / "results")
    assert "exact values" in exact.rests_on


def _few(configs):
    from dataclasses import replace

    return lambda piece: {label: replace(c, seeds=3, steps=30) for label, c in configs(piece).items()}


def test_without_a_table_the_command_says_so_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "manifest", lambda directory: {})
    said = Said("recommend", "--hamiltonian", "molecule", "--qubits", "4", "--shots", "100")
    assert (
        said.status == 0
        and said.out.count("\n") == 1
        and "run `qbp grid remedies-molecule-10-part-1`" in said.out
    )
    said = Said("recommend", "--hamiltonian", "ising")
    assert said.status == 2 and "hamiltonian must be one of tfim" in said.err


def test_the_rule_takes_the_lowest_mean_rank_and_the_larger_of_equals(monkeypatch):
    def load(self, task, directory):
        found = {}
        for label, config in self.configs(task).items():
            eta = config.algorithm.eta
            error = {"zero": abs(eta - 0.05), "warm": 0.3}.get(config.method, eta if config.shots else -eta)
            diverged = np.full(10, config.method == "zero" and eta == 0.02)
            found[label] = SimpleNamespace(
                config=config, diverged=diverged, final=lambda m, e=error: np.full(10, e)
            )
        return found

    monkeypatch.setattr(grid.RateStudy, "load", load)
    chosen = rates.chosen()
    assert set(chosen) == {name for name, r in remedies().items() if r.rated}
    assert (
        chosen["zero"] == (0.05, 0.05) and chosen["warm"] == (0.2, 0.2) and chosen["identity"] == (0.2, 0.02)
    )
