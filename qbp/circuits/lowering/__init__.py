"""Programs rewritten into forms that are cheaper to run: fewer gates, fewer qubits."""
