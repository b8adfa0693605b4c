"""Files of Hamiltonians, read and written: JSON, CSV, the text of OpenFermion, HDF5 as HamLib has it."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qbp import _checks, _files
from qbp.circuits.observables import PauliSum

MOST_BYTES = 2**26  # of a file
MOST_QUBITS = 4096
MOST_LETTERS = 10**8  # of all strings
_FORMATS = {".json": "json", ".csv": "csv", ".txt": "text", ".h5": "hdf5", ".hdf5": "hdf5"}
_DENSE = re.compile("[IXYZ]+")  # a letter for each qubit
_SPARSE = re.compile(r"\s*[XYZ][0-9]{1,6}(?:\s+[XYZ][0-9]{1,6})*\s*")  # letters with their qubits
_TERM = re.compile(r"\s{0,99}\+?\s{0,99}([^\s\[\]][^\[\]]{0,99}?)?\s{0,99}\[([^\[\]]*)\]")


def pauli_sum(terms: Iterable[tuple[Any, Any]], what: str) -> PauliSum:
    """Sum of Pauli strings with real coefficients, from pairs of a string and a number; equal strings add up.

    Args:
        terms: pairs; an imaginary part of 1e-12 or less is dropped.
        what: where they come from, for the errors.

    Raises:
        ValueError: no pair, strings of two lengths, another letter, a coefficient not real or not finite.

    Example:
        >>> pauli_sum([("ZZ", 1.0), ("IX", 0.5 + 0j), ("ZZ", 1.0)], "this")
        PauliSum({'ZZ': 2.0, 'IX': 0.5})
    """
    total, letters = dict[str, float](), 0
    for string, coefficient in _pairs(terms, what):
        if not isinstance(string, str) or not string or not set(string) <= set("IXYZ"):
            raise ValueError(f"{what} must have strings of I, X, Y, Z, got {_shown(string)}")
        other = next(iter(total), string)
        if len(other) != len(string):
            lengths = f"{_shown(other)} of {len(other)} and {_shown(string)} of {len(string)}"
            raise ValueError(f"{what} must have strings of one length, got {lengths}")
        value = _real(coefficient, f"{what}: the coefficient of {_shown(string)}")
        letters += 0 if string in total else len(string)
        if letters > MOST_LETTERS:
            raise ValueError(f"{what} must have at most {MOST_LETTERS} letters, got more")
        total[string] = total.get(string, 0.0) + value
    if not total:
        raise ValueError(f"terms of {what} must have at least one Pauli string, got none")
    return PauliSum(total)


def read_hamiltonian(path: str | Path, n_qubits: int | None = None, key: str | None = None) -> PauliSum:
    """Hamiltonian of a file, by the ending of its name; position i of a string is qubit i.

    Args:
        path: `.json`, an object ``{"ZIII": -0.2}`` or a list of pairs ``["ZIII", -0.2]``; `.csv`, a string
            and a number a line, with or without a first line of words; in both a string may name its
            qubits instead, as in ``{"Z0 Z1": 1, "": 0.5}``; `.txt`, the text of OpenFermion,
            ``(-0.5+0j) [X0 Y1] + 0.25 []``; `.h5` or `.hdf5`, such a text in a dataset, as HamLib has it
            (needs `h5py`, of the extra `interchange`).
        n_qubits: where strings name their qubits, which does not say it; None means up to the last one named.
        key: name of the dataset in an HDF5 file; None where there is one.

    Returns:
        The sum; equal strings of a list or a text are added up.

    Raises:
        ValueError: another ending, a file that cannot be read or is none of these, an imaginary part above
            1e-12, strings of two lengths, or some that name their qubits and some that do not.
    """
    kind, what = _format(path), f"path: {_files.printable(path)}"
    if n_qubits is not None:
        _checks.integer("n_qubits", n_qubits, 1, MOST_QUBITS)
    if kind == "hdf5":
        return _openfermion(_dataset(Path(path), key, what), n_qubits, what)
    if key is not None:
        raise ValueError(f"key must be None but for an HDF5 file, got {_shown(key)}")
    text = _content(Path(path), what)
    if kind == "text":
        return _openfermion(text, n_qubits, what)
    terms = list(_json(text, what) if kind == "json" else _csv(text, what))
    if any(isinstance(string, str) and _SPARSE.fullmatch(string) for string, _ in terms):
        return _on_qubits(
            [(_factors(_named(string, what), what), value) for string, value in terms], n_qubits, what
        )
    found = pauli_sum(((_spelled(string, what), value) for string, value in terms), what)
    if n_qubits not in (None, found.n_qubits):
        raise ValueError(f"n_qubits must be {found.n_qubits}, as in {what}, got {n_qubits}")
    return found


def write_hamiltonian(H: PauliSum, path: str | Path, key: str = "hamiltonian") -> None:
    """File of a Hamiltonian, in the form that the ending of its name asks for; see :func:`read_hamiltonian`.

    Args:
        H: a sum of Pauli strings.
        path: the file, written whole or not at all, but for HDF5.
        key: name of the dataset in an HDF5 file.

    Raises:
        TypeError, ValueError: `H` is no sum of Pauli strings; another ending.
    """
    text, kind = openfermion_text(H), _format(path)
    if not isinstance(key, str) or not key:
        raise TypeError(f"key must be a text, got {_checks.kind_of(key)}")
    if kind == "hdf5":
        with _h5py().File(path, "w") as file:
            file[key] = text
        return
    if kind == "json":
        text = json.dumps(dict(H.terms), indent=1) + "\n"
    elif kind == "csv":
        text = "".join(f"{string},{value!r}\n" for string, value in H.terms.items())
    _files.write(Path(path), text.encode())


def openfermion_text(H: PauliSum) -> str:
    """Text of a sum as OpenFermion prints one, ``(-0.5+0j) [X0 Y1] +`` a line; no length is in it.

    Raises:
        TypeError: `H` is no sum of Pauli strings.

    Example:
        >>> print(openfermion_text(PauliSum({"II": 0.5, "XY": -1.0})))
        (0.5+0j) [] +
        (-1+0j) [X0 Y1]
    """
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {_checks.kind_of(H)}")
    return " +\n".join(
        f"{complex(value)} [{' '.join(f'{letter}{k}' for k, letter in enumerate(string) if letter != 'I')}]"
        for string, value in H.terms.items()
    )


def _pairs(terms: Any, what: str) -> Iterator[tuple[Any, Any]]:
    """Give the terms if each is a pair."""
    takes = f"terms of {what} must be pairs of a string and a number"
    if isinstance(terms, str | bytes) or not hasattr(terms, "__iter__") or getattr(terms, "ndim", 1) == 0:
        raise TypeError(f"{takes}, got {_shown(terms)}")
    for term in terms:
        if not isinstance(term, tuple | list) or len(term) != 2:
            raise ValueError(f"{takes}, got {_shown(term)}")
        yield term[0], term[1]


def _format(path: str | Path) -> str:
    if not isinstance(path, str | Path):
        raise TypeError(f"path must be the name of a file, got {_checks.kind_of(path)}")
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(f"path must end in one of {', '.join(_FORMATS)}, got {str(path)!r}")
    return _FORMATS[suffix]


def _content(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{what} must have at most {MOST_BYTES} bytes, got more")
        return content.decode()
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{what} cannot be read: it is not UTF-8 text") from None


def _json(text: str, what: str) -> Iterator[tuple[Any, Any]]:
    found = _files.decoded(text, what, tuple)
    if isinstance(found, tuple):  # an object
        if len({string for string, _ in found}) < len(found):
            raise ValueError(f"{what} must have each string once in an object, got one twice")
        yield from found
        return
    for entry in found if isinstance(found, list) else [found]:
        if not isinstance(entry, list) or len(entry) != 2:
            raise ValueError(f"{what} must be an object or a list of pairs, got {_shown(entry)}")
        yield entry[0], entry[1]


def _csv(text: str, what: str) -> Iterator[tuple[Any, Any]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(text)) if line]
    except csv.Error as error:
        raise ValueError(f"{what} cannot be read: {error}") from None
    for k, line in enumerate(lines):
        if len(line) != 2:
            raise ValueError(f"{what} must have two columns, got {len(line)} in row {k + 1}")
        string, value = line[0].strip(), line[1].strip()
        if k == 0 and string and not _DENSE.fullmatch(string) and not _SPARSE.fullmatch(string):
            continue  # the words above the columns
        yield string, value


def _openfermion(text: str, n_qubits: int | None, what: str) -> PauliSum:
    terms, position, text = list[tuple[dict[int, str], Any]](), 0, text.strip()
    while position < len(text):
        found = _TERM.match(text, position)
        if not found:
            shown = _shown(text[position : position + 40].strip())
            raise ValueError(f"{what} must be a sum of terms such as (-0.5+0j) [X0 Y1], got {shown}")
        coefficient = {None: "1", "-": "-1"}.get(found[1], found[1])
        terms.append((_factors(found[2], what), coefficient))
        position = found.end()
    return _on_qubits(terms, n_qubits, what)


def _on_qubits(terms: list[tuple[dict[int, str], Any]], n_qubits: int | None, what: str) -> PauliSum:
    """Return the sum of pairs of {qubit: letter} and a number."""
    n = n_qubits or 1 + max((max(letters, default=0) for letters, _ in terms), default=0)
    wide = next((letters for letters, _ in terms if letters and max(letters) >= n), None)
    if wide:
        raise ValueError(f"n_qubits must be at least {max(wide) + 1} for {what}, got {n}")
    if len(terms) * n > MOST_LETTERS:
        raise ValueError(f"{what} must have at most {MOST_LETTERS} letters, got {len(terms)} strings of {n}")
    return pauli_sum((("".join(on.get(k, "I") for k in range(n)), c) for on, c in terms), what)


def _spelled(string: Any, what: str) -> str:
    """Return a string that has a letter for each qubit, or say which two forms are read."""
    if not isinstance(string, str) or not _DENSE.fullmatch(string):
        takes = (
            'a letter for each qubit as in {"ZZI": 1.0}, or letters with their qubits as in {"Z0 Z1": 1.0}'
        )
        raise ValueError(f"{what} must have strings of I, X, Y, Z, {takes}, got {_shown(string)}")
    return string


def _named(string: Any, what: str) -> str:
    """Return a string that names its qubits, as another one does; "" or "I" is the identity."""
    if isinstance(string, str) and _DENSE.fullmatch(string) and string != "I":
        takes = 'in all strings their qubits, as in {"Z0 Z1": 1.0, "X0": 0.5}, or in none'
        raise ValueError(f"{what} must name {takes}, got {_shown(string)}")
    return string.removeprefix("I") if isinstance(string, str) else _spelled(string, what)


def _factors(text: str, what: str) -> dict[int, str]:
    """Return {qubit: letter} of "X0 Y1"."""
    found = dict[int, str]()
    for word in text.split():
        number = word[1:]
        if word[0] not in "XYZ" or not re.fullmatch("[0-9]{1,6}", number) or int(number) >= MOST_QUBITS:
            raise ValueError(
                f"{what} must have letters X, Y, Z with a qubit below {MOST_QUBITS}, got {_shown(word)}"
            )
        if int(number) in found:
            raise ValueError(f"{what} must name each qubit once in a string, got {_shown(text)}")
        found[int(number)] = word[0]
    return found


def _real(value: Any, what: str) -> float:
    """Return a real number; it may be a complex one, or the text of one."""
    try:
        plain = None if isinstance(value, bool) else value  # which is refused
        number = complex(plain.replace(" ", "") if isinstance(plain, str) else plain)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{what} must be a real number, got {_shown(value)}") from None
    if not math.isfinite(number.real) or not abs(number.imag) <= 1e-12:
        raise ValueError(f"{what} must be real and finite, got {number}")
    return number.real


def _dataset(path: Path, key: str | None, what: str) -> str:
    h5py, found = _h5py(), list[str]()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{what} must have at most {MOST_BYTES} bytes, got {path.stat().st_size}")
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
            if key is None and len(found) != 1:
                raise ValueError(f"key must be one of {', '.join(found[:20])}, in {what}, got None")
            _checks.choice("key", key or found[0], found)
            data = file[key or found[0]]
            if data.shape != () or not h5py.check_string_dtype(data.dtype):
                raise ValueError(f"{what} must have a text in dataset {key or found[0]}, got {data.dtype}")
            if (
                data.external or data.is_virtual or data.dtype.itemsize > MOST_BYTES
            ):  # another file's, or huge
                raise ValueError(f"{what} must hold its text itself, in at most {MOST_BYTES} bytes")
            content = data[()]
            return content.decode() if isinstance(content, bytes) else str(content)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{what} cannot be read: {' '.join(str(error).split())}") from None


def _h5py() -> Any:
    import h5py

    return h5py


def _shown(value: Any) -> str:
    text = _files.printable(" ".join(repr(value).split()))
    return text if len(text) <= 60 else f"{text[:57]}..."
