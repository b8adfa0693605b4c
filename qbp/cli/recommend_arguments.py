"""Arguments of `qbp recommend`: a task, its size and the shots; the answer is read from committed tables."""

from typing import Any

from qbp.cli.parser import JSON, number, switch, valued


def recommend(command: Any) -> None:
    """Add the command."""
    own = command(
        "name the remedies that ended lowest on a task like this one",
        "Reads the committed tables of remedies, and says what the answer rests on: the rows at the nearest "
        "size and shots, their seeds, and which others cannot be told from the best.  Nothing is run.",
        ["--hamiltonian tfim --qubits 8 --shots 100", "--hamiltonian molecule --json"],
    )
    valued(own, "--hamiltonian", "the task", "tfim", metavar="NAME")
    number(own, "--qubits", "number of qubits", 6)
    number(own, "--shots", "measurements per circuit and setting (default exact values)")
    switch(own, "--json", JSON)
