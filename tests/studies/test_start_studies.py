"""Gradients where Stage 2 begins: made-up results with a known decay, and what the tables hold."""

import itertools

import numpy as np
import pytest
import torch

from qbp.circuits.observables import local_observables
from qbp.circuits.targets import target
from qbp.convex import local_loss
from qbp.experiments import registry
from qbp.experiments.result import Result
from qbp.results import store
from qbp.studies import start_studies
from qbp.studies.start_ensembles import WHENS, ensemble
from qbp.studies.start_gradients import bits_per_qubit, end_of_stage_1, escape, squared
from qbp.studies.start_studies import Place
from qbp.studies.tables import gridded


def made_up(config, rms, error, **more):
    """Return a result whose gradients all have these root mean squares, (runs, records)."""
    rms = np.asarray(rms, dtype=float)
    history = {name: rms for name in ("task_grad_rms", "convex_grad_rms", "grad_rms")}
    history |= {"error": np.broadcast_to(np.asarray(error, dtype=float), rms.shape), **more}
    return Result(config, torch.zeros(len(rms), 1), np.arange(rms.shape[1]), history, np.zeros((len(rms), 0)),
                  np.zeros(len(rms), dtype=bool), 0.0)  # fmt: skip


def halving(study="n", bits=(2.0, 0.5)):
    """Return places whose variance is 2**(-bits n) with some scatter, before and after Stage 1."""
    found, rng = {}, np.random.default_rng(0)
    for place in start_studies.places(study):
        scatter = rng.uniform(0.9, 1.1, size=(20, 1))
        information = np.full((20, 1), 0.25)
        found[place] = {
            when: made_up(config, 2 ** (-b * place.qubits / 2) * scatter, 0.5, target_information=information)
            for (when, config), b in zip(place.configs().items(), bits, strict=True)
        }
    return found


def test_a_variance_is_the_mean_over_runs_of_the_squared_component():
    result = made_up(None, [[0.1, 0.3], [0.2, 0.4]], [[1.0, 0.5], [1.0, 0.25]])
    np.testing.assert_allclose(squared(result, "task"), [0.09, 0.16])
    np.testing.assert_allclose(squared(result, "eq. 4", 0), [0.01, 0.04])
    np.testing.assert_allclose(squared(result, "task / error"), [0.18, 0.64])
    np.testing.assert_allclose(squared(result, "task / error", 0), [0.01, 0.04])  # the error of that record


def test_an_error_that_is_rounding_does_not_make_a_gradient_infinite():
    result = made_up(None, [[1e-9]], [[-1e-17]])
    assert np.isfinite(squared(result, "task / error")).all() and squared(result, "task / error") >= 0


def test_decays_before_and_after_are_found_with_their_intervals():
    frame = start_studies.decays(start_studies.variances(halving()))
    assert len(frame) == 4 * 4 * 2  # targets, quantities, moments
    for when, bits in zip(WHENS, (-2.0, -0.5), strict=True):
        part = frame[frame["when"] == when]
        np.testing.assert_allclose(part["bits"], bits, atol=0.05)
        assert (part["low"] <= part["bits"]).all() and (part["bits"] <= part["high"]).all()
    assert set(frame["n_min"]) == {4} and set(frame["n_max"]) == {12}


def test_the_one_table_has_a_row_per_target_and_depth_and_a_column_per_quantity_and_moment():
    frame = start_studies.variances(halving() | halving("Z"))
    table = start_studies.decay_table(start_studies.decays(frame))
    assert table.shape == (8, 8) and ("product", "n, Z only") in table.index
    assert table.loc[("random", "n"), ("task", "random start")].startswith("-2.0")


def test_gains_are_paired_so_that_scatter_shared_by_both_moments_cancels():
    pairs = {place: pair for place, pair in halving().items() if place.qubits == 8}
    for pair in pairs.values():
        before, after = (pair[when] for when in WHENS)
        after.history["task_grad_rms"] = 2 * before.history["task_grad_rms"]
        after.history["error"] = before.history["error"] / 5
    frame = start_studies.gains(pairs, ["task"])
    np.testing.assert_allclose(frame[["gain", "low", "high"]], 4.0)
    assert (frame["information"] == 0.25).all() and (frame["error_before"] == 0.5).all()
    np.testing.assert_allclose(frame["error_after"], 0.1)
    np.testing.assert_allclose(start_studies.by_run(pairs, "task")["gain"], 4.0)


def test_bits_per_qubit_of_each_run():
    n = np.array([4, 6, 8])
    values = np.stack([3 * 2.0**-n, 2.0 ** (-n / 2), np.ones(3)])
    np.testing.assert_allclose(bits_per_qubit(n, values), [1, 0.5, 0], atol=1e-12)
    with pytest.raises(ValueError, match="three sizes or more"):
        bits_per_qubit(n[:2], values[:, :2])


def test_stage_1_ends_where_the_stage_says():
    stage = np.array([[2, 2, 2], [1, 2, 2], [1, 1, 1]])
    result = made_up(None, [[1, 2, 3], [1, 2, 4], [1, 2, 8.0]], 1.0, stage=stage)
    assert end_of_stage_1(result).tolist() == [0, 1, 2]
    assert escape(result, "task").tolist() == [1, 4, 64]
    table = start_studies.switches({"product, threshold": result}, 4)
    assert table.iloc[0].tolist() == ["1 of 3", "1", "4", "2 of 3"]


def test_places_of_a_depth():
    of = {"1": [1] * 5, "n": [4, 6, 8, 10, 12], "2n": [8, 12, 16, 20, 24], "4n": [16, 24, 32, 40, 48]}
    for depth, layers in of.items():
        places = [p for p in start_studies.places(depth) if p.target == "tfim"]
        assert [p.layers for p in places] == layers and [p.qubits for p in places] == [4, 6, 8, 10, 12]
    with pytest.raises(ValueError, match="study must be one of"):
        start_studies.places("3n")


def test_both_configurations_of_a_place_share_start_target_and_loss():
    for place in itertools.chain.from_iterable(map(start_studies.places, start_studies.STUDIES)):
        before, after = place.configs().values()
        same = ("hamiltonian", "frame", "qubits", "layers", "paulis", "seeds", "seed", "target_layers")
        assert all(getattr(before, name) == getattr(after, name) for name in same)
        assert before.algorithm.lambda_0 == after.algorithm.lambda_0 == 0.9
        assert (before.steps, after.steps, after.algorithm.stage_1_steps) == (0, 100, 100)
        assert before.hamiltonian != "tfim" or before.frame == "clifford"


def test_tables_are_among_those_of_the_grid_and_no_configuration_is_in_two():
    mine = gridded()
    assert not mine["starts"].configs.keys() & mine["starts-switching"].configs.keys()
    for study in start_studies.STUDY.tasks:
        wanted = {store.key(config) for config in start_studies.STUDY.configs(study).values()}
        assert wanted <= mine["starts"].configs.keys() | mine["starts-switching"].configs.keys()


@pytest.fixture(scope="module")
def run():
    place = Place("circuit", "1", 3)
    return {when: registry.run(config) for when, config in place.configs().items()}


def test_the_random_start_is_that_of_the_other_configuration_with_stage_2_on(run):
    before, after = (run[when] for when in WHENS)
    np.testing.assert_allclose(before.history["energy"][:, 0], after.history["energy"][:, 0], rtol=1e-12)
    assert (before.history["stage"] == 2).all() and after.history["stage"].tolist()[0] == [1, 2]
    assert (after.history["lam"][:, -1] == 0.9).all() and (before.history["lam"] == 0.9).all()


def test_a_stored_table_is_read_by_place_and_by_label(run, tmp_path, monkeypatch):
    place = Place("circuit", "1", 3)
    monkeypatch.setattr(start_studies, "places", lambda study: [place])
    store.save("starts", run.values(), command="qbp grid starts", target="here", directory=tmp_path)
    pairs = start_studies.load_places("1", tmp_path)
    assert list(pairs) == [place] and list(pairs[place]) == list(WHENS)
    labelled = start_studies.STUDY.load("1", tmp_path)
    np.testing.assert_array_equal(
        labelled["3 qubits, circuit, start of Stage 2"].final("error"), run["start of Stage 2"].final("error")
    )


def test_an_ensemble_starts_as_the_runs_do_and_ends_lower_on_eq_1(run):
    config = Place("tfim", "1", 3).configs()[WHENS[1]]
    found = ensemble(config, starts=6)
    circuit, local = config.circuit, local_observables(3)
    b = target("tfim", circuit, 0, frame="clifford").local()
    first, last = (local_loss(circuit, found.theta[when], local, b) for when in WHENS)
    assert (last < first).all() and found.states(WHENS[0]).shape == (6, 8)
    shared = run[WHENS[0]].config.circuit
    assert shared == circuit  # the starts depend on the circuit and the seed alone
    energy = shared.expectation(found.theta[WHENS[0]], target("circuit", circuit, 0).task)
    np.testing.assert_allclose(energy[0], run[WHENS[0]].history["energy"][0, 0], rtol=1e-9)


def test_an_ensemble_ends_where_stage_1_of_the_run_with_its_seed_ends(run):
    found = ensemble(run[WHENS[1]].config, starts=4)  # the first start has the target of the first run
    for when in WHENS:  # a run's theta is that after its last step, here the last one of Stage 1
        np.testing.assert_allclose(found.theta[when][0], run[when].theta[0], atol=1e-9)


def test_measures_of_an_ensemble_against_dense_and_autograd():
    config = Place("product", "1", 3).configs()[WHENS[1]]
    found = ensemble(config, starts=6)
    for when in WHENS:
        states = found.states(when)
        overlap = abs(states.conj() @ states.mT) ** 4
        np.testing.assert_allclose(
            found.overlaps(when), [overlap[0, 1], overlap[2, 3], overlap[4, 5]], rtol=1e-9
        )
        assert found.frame_potential(when)[0] == pytest.approx(float((overlap.sum() - 6) / 30))

        def energy(theta):
            return 1 - abs(found.target.task.target.conj() @ config.circuit.state(theta)) ** 2

        theta = found.theta[when]
        np.testing.assert_allclose(found.errors(when), torch.stack(
            [energy(t) for t in theta]), atol=1e-12)  # fmt: skip
        gradient = torch.autograd.functional.jacobian(
            lambda t: torch.stack([energy(one) for one in t]).sum(), theta
        )
        np.testing.assert_allclose(found.gradients(when), gradient.square().mean(-1), atol=1e-12)
        hessian = torch.autograd.functional.hessian(energy, theta[0])
        np.testing.assert_allclose(found.spectra(when, 1)[0], torch.linalg.eigvalsh(hessian), atol=1e-9)


def test_an_ensemble_has_exact_expectations_and_one_length_of_stage_1():
    from qbp.experiments.circuits import CircuitExperiment

    with pytest.raises(ValueError, match="exact expectations"):
        ensemble(CircuitExperiment(shots=10))
    with pytest.raises(ValueError, match="switching 'steps', got 'plateau'"):
        ensemble(CircuitExperiment(record_every=1, algorithm={"switching": "plateau"}))
