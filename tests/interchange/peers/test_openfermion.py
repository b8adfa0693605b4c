"""Hamiltonians exchanged with OpenFermion itself, and in HDF5 files as HamLib lays them out."""

import numpy as np
import pytest
import reference

import qbp
from qbp.interchange.hamiltonians import openfermion_text, read_hamiltonian, write_hamiltonian

pytestmark = pytest.mark.interchange


def random_sum(rng, n, size):
    return qbp.PauliSum({"".join(rng.choice(list("IXYZ"), n)): float(rng.normal()) for _ in range(size)})


@pytest.mark.parametrize("seed", range(20))
def test_what_openfermion_prints_is_read_and_the_other_way(seed, tmp_path):
    from openfermion import QubitOperator, get_sparse_operator

    rng = np.random.default_rng(seed)
    H = random_sum(rng, 1 + seed % 4, 6)
    theirs = QubitOperator(openfermion_text(H))
    expected = reference.pauli_sum(H.terms)
    np.testing.assert_allclose(
        get_sparse_operator(theirs, n_qubits=H.n_qubits).toarray(), expected, atol=1e-12
    )
    (tmp_path / "H.txt").write_text(str(theirs))
    found = read_hamiltonian(tmp_path / "H.txt", n_qubits=H.n_qubits)
    np.testing.assert_allclose(reference.pauli_sum(found.terms), expected, atol=1e-12)


def test_a_molecule_is_read(tmp_path):
    from openfermion import FermionOperator, jordan_wigner

    theirs = jordan_wigner(FermionOperator("0^ 1") + FermionOperator("1^ 0") + FermionOperator("2^ 2", 0.5))
    (tmp_path / "H.txt").write_text(str(theirs))
    terms = read_hamiltonian(tmp_path / "H.txt").terms
    assert terms == {"XXI": 0.5, "YYI": 0.5, "III": 0.25, "IIZ": -0.25}


def test_hdf5_holds_its_text_itself(tmp_path):
    """A text that lies in another file of the machine, or in zeros without end, is not read."""
    import h5py

    (tmp_path / "secret").write_text("1.0 [X0]" + " " * 92)
    for name, size, source in (("outside", 100, str(tmp_path / "secret")), ("huge", 2**30, "/dev/zero")):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            how.set_external(source.encode(), 0, size)
            one = h5py.h5s.create(h5py.h5s.SCALAR), how
            h5py.h5d.create(file.id, b"text", h5py.h5t.py_create(np.dtype(f"S{size}")), *one)
        with pytest.raises(ValueError, match="must hold its text itself, in at most"):
            read_hamiltonian(tmp_path / f"{name}.h5")


def test_hdf5_as_hamlib_has_it(tmp_path):
    import h5py

    path, H = tmp_path / "tfim.hdf5", qbp.tfim(4, field=0.3)
    with h5py.File(path, "w") as file:
        file["graph-1D-pbc-qubitnodes_Lx-4_h-0.3"] = openfermion_text(H).encode()
        file["ham-2"] = openfermion_text(qbp.heisenberg(3))
        file.create_dataset("edges", data=np.arange(3))
    assert read_hamiltonian(path, key="graph-1D-pbc-qubitnodes_Lx-4_h-0.3") == H
    assert read_hamiltonian(path, key="ham-2") == qbp.heisenberg(3)
    for key, message in (
        (None, r"key must be one of edges, graph-1D.*, ham-2, in path: .*tfim\.hdf5, got None"),
        ("ham-3", "key must be one of edges, .*got 'ham-3'; did you mean 'ham-2'?"),
        ("edges", "must have a text in dataset edges, got int64"),
    ):
        with pytest.raises(ValueError, match=message):
            read_hamiltonian(path, key=key)
    write_hamiltonian(H, tmp_path / "one.h5")
    assert read_hamiltonian(tmp_path / "one.h5") == H
    (tmp_path / "broken.h5").write_bytes(b"no such format")
    with pytest.raises(ValueError, match=r"path: .*broken\.h5 cannot be read"):
        read_hamiltonian(tmp_path / "broken.h5")
