r"""Rayleigh-Ritz in a small span: the lowest energy among the combinations of a few states.

The span is ``psi`` and ``P psi`` for a few Pauli strings P (subspace expansion, McClean et al. 2017): its
matrices ``<psi|P_i P_j|psi>`` and ``<psi|P_i H P_j|psi>`` are expectations of Pauli strings, which a device
measures without a second register.  The generalized eigenproblem is solved on the directions whose norm is
above a cutoff; psi itself is always one of them, so the result is never above its energy, and with exact
values never below the ground energy.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp.circuits.hardware.measurement import settings
from qbp.circuits.observables import PauliSum, pauli_string

CUTOFF = 1e-8
TIMES = {  # P Q = phase R
    **{(p, p): (1, "I") for p in "IXYZ"},
    **{("I", p): (1, p) for p in "XYZ"},
    **{(p, "I"): (1, p) for p in "XYZ"},
    **{(p, q): (1j, r) for p, q, r in ("XYZ", "YZX", "ZXY")},
    **{(q, p): (-1j, r) for p, q, r in ("XYZ", "YZX", "ZXY")},
}


@takes()
def product(strings: Sequence[str]) -> tuple[complex, str]:
    """Return the product of Pauli strings as a phase and a string.

    Args:
        strings: one or more of one length, first factor first.

    Example:
        >>> product(["XX", "YI"])
        (1j, 'ZX')
    """
    listed = _checks.sequence("strings", strings, "one or more Pauli strings")
    words = [pauli_string(word, len(str(listed[0]))) for word in listed]
    phase, result = complex(1), words[0]
    for word in words[1:]:
        pairs = [TIMES[p, q] for p, q in zip(result, word, strict=True)]
        result = "".join(letter for _, letter in pairs)
        for factor, _ in pairs:
            phase *= factor
    return phase, result


@takes()
def local_span(n_qubits: int, letters: str = "XYZ") -> tuple[str, ...]:
    """Return the identity and single-qubit strings, what is applied to psi.

    Args:
        n_qubits: number of qubits.
        letters: some of "XYZ".

    Example:
        >>> local_span(2, "Y")
        ('II', 'YI', 'IY')
    """
    n = _checks.integer("n_qubits", n_qubits)
    if not letters or not set(letters) <= set("XYZ"):
        raise ValueError(f"letters must be some of XYZ, got {letters!r}")
    single = ["I" * q + p + "I" * (n - 1 - q) for q in range(n) for p in letters]
    return ("I" * n, *single)


@takes()
def ritz_settings(H: PauliSum, span: Sequence[str]) -> int:
    """Return how many settings measure all matrix elements of a span: the cost of one Ritz value.

    Args:
        H: the Hamiltonian.
        span: Pauli strings, the identity first.
    """
    return _ritz_settings(H, _span(span, H.n_qubits))


@lru_cache(maxsize=64)
def _ritz_settings(H: PauliSum, span: tuple[str, ...]) -> int:
    middle = ["I" * H.n_qubits, *H.terms]
    strings = {product([p, h, q])[1] for p in span for h in middle for q in span}
    return len(settings([PauliSum(dict.fromkeys(sorted(strings), 1.0))]))


@takes("gram energies", gram="complex ... m m", energies="complex ... m m")
def lowest(gram: Tensor, energies: Tensor, cutoff: float = CUTOFF) -> tuple[Tensor, Tensor]:
    """Return the lowest Ritz value, and the combination that has it.

    Args:
        gram: S, the scalar products of the span, Hermitian, (..., m, m).
        energies: matrix elements of H, Hermitian, (..., m, m).
        cutoff: directions beside the first vector whose squared norm is below this times the largest are left
            out.

    Returns:
        Values (...), real, and coefficients c (..., m) with ``c^+ S c = 1``.  A run whose numbers are not
        finite has NaN, its neighbours their values.

    Example:
        >>> S, H = torch.eye(2).cdouble(), torch.tensor([[0.0, 1.0], [1.0, 0.0]]).cdouble()
        >>> lowest(S, H)[0]
        tensor(-1., dtype=torch.float64)
    """
    cutoff = _checks.number("cutoff", cutoff, low=0.0, high=1.0)
    m, fine = gram.shape[-1], (gram.isfinite() & energies.isfinite()).all(-1).all(-1)
    one = torch.eye(m, dtype=gram.dtype, device=gram.device)
    gram = torch.where(fine[..., None, None], gram, one)
    energies = torch.where(fine[..., None, None], energies, one)
    basis = _orthonormal(gram, cutoff)
    kept = basis.abs().sum(-2) > 0
    inside = basis.mH @ energies @ basis
    apart = torch.linalg.matrix_norm(inside) + 1  # above the lowest value, so what is left out never wins
    inside = (inside + inside.mH) / 2 + torch.diag_embed(torch.where(kept, 0.0, apart[..., None]))
    values, vectors = torch.linalg.eigh(inside)
    coefficients = (basis @ vectors[..., :1]).squeeze(-1)
    return torch.where(fine, values[..., 0], torch.nan), torch.where(fine[..., None], coefficients, torch.nan)


def _orthonormal(gram: Tensor, cutoff: float) -> Tensor:
    """Return an orthonormal basis of a span as columns, its first vector first; zeros: left out."""
    size = gram[..., :1, :1]
    share = gram[..., :1, 1:] / size  # of the first vector in each other one
    rest = gram[..., 1:, 1:] - share.mH @ gram[..., :1, 1:]
    norms, directions = torch.linalg.eigh((rest + rest.mH) / 2)
    kept = norms > cutoff * size[..., 0].real.clamp(min=0)
    scale = torch.where(kept, norms.clamp(min=1e-300).rsqrt(), torch.zeros_like(norms))
    inner = directions * scale.unsqueeze(-2)
    first = torch.cat([size.sqrt().reciprocal(), -share @ inner], dim=-1)
    zeros = rest.new_zeros(*rest.shape[:-1], 1)
    return torch.cat([first, torch.cat([zeros, inner], dim=-1)], dim=-2)


@takes(state="complex ... amplitudes")
def ritz_energy(state: Tensor, H: PauliSum, span: Sequence[str], cutoff: float = CUTOFF) -> Tensor:
    """Return the lowest energy in the span of a state and of Pauli strings applied to it, (...).

    Backward gives the exact gradient in `state`, and so in the angles behind it: the combination is held
    still, since the energy is stationary in it, as the weights are in variable projection.

    Args:
        state: psi, normalized, (..., 2**n_qubits).
        H: the Hamiltonian.
        span: Pauli strings, the identity first.
        cutoff: as for :func:`lowest`.

    Raises:
        ValueError: the span does not begin with the identity, or a string is on other qubits.
    """
    words = _span(span, H.n_qubits)
    vectors = torch.stack([PauliSum({word: 1.0}).apply(state) for word in words], dim=-2)
    with torch.no_grad():
        gram = vectors.conj() @ vectors.mT
        energies = vectors.conj() @ H.apply(vectors).mT
        _, c = lowest(gram, energies, cutoff)
    best = (c.unsqueeze(-2) @ vectors).squeeze(-2)
    norm = best.abs().square().sum(-1)
    return (best.conj() * H.apply(best)).sum(-1).real / norm


def _span(span: Iterable[str], n_qubits: int) -> tuple[str, ...]:
    words = _checks.sequence("span", span, "Pauli strings, the identity first")
    whole = all(isinstance(w, str) and len(w) == n_qubits and set(w) <= set("IXYZ") for w in words)
    if not whole or words[0] != "I" * n_qubits:
        raise ValueError(
            f"span must be strings of {n_qubits} letters of IXYZ, the identity first, got {span!r}"
        )
    return words
