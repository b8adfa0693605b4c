"""Pauli sums as one types them, such as ``Z0 Z1 + 0.5 X2``."""

import re

from qbp import _checks
from qbp._arguments import takes
from qbp.circuits.observables import PauliSum
from qbp.interchange.hamiltonians import _on_qubits

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_TERM = re.compile(rf"\s*([-+])?\s*({_NUMBER})?\s*\*?\s*((?:[XYZ]\d{{1,4}}(?!\d)\s*\*?\s*)+)")
_SHOWN = 40  # characters of what cannot be read


@takes()
def typed_sum(text: str, n_qubits: int | None = None) -> PauliSum:
    """Read a Pauli sum as the page `try-it` takes it: numbers, if not 1, and letters with their qubits.

    Args:
        text: such as ``Z0 Z1 + 0.5 X2`` or ``-0.2*X0*Y3``; the same string twice is added up.
        n_qubits: number of qubits; by default up to the last one that is named.

    Raises:
        ValueError: a term cannot be read, names a qubit twice or one that is not there.

    Example:
        >>> typed_sum("Z0 Z1 - 0.5 X2")
        PauliSum({'ZZI': 1.0, 'IIX': -0.5})
    """
    terms, position, text = list[tuple[dict[int, str], str]](), 0, text.rstrip()
    while position < len(text) or not terms:
        found = _TERM.match(text, position)
        if not found or (terms and not found[1]):
            shown = text[position : position + _SHOWN].strip()
            raise ValueError(f"text must be a sum such as Z0 Z1 + 0.5 X2, got {shown!r}")
        letters = re.findall(r"([XYZ])(\d+)", found[3])
        on = {int(qubit): letter for letter, qubit in letters}
        if len(on) < len(letters):
            raise ValueError(f"text must name a qubit once in a term, got {found[3].strip()!r}")
        terms.append((on, (found[1] or "") + (found[2] or "1")))
        position = found.end()
    n = None if n_qubits is None else _checks.integer("n_qubits", n_qubits)
    return _on_qubits(terms, n, "the sum")


@takes()
def looks_typed(text: str) -> bool:
    """Say whether a text begins as a sum does, and is no name of a Hamiltonian or a file."""
    return bool(re.match(rf"\s*[-+]?\s*(?:{_NUMBER})?\s*\*?\s*[XYZ]\d", text))
