"""Public circuits collected from packages of others, as OpenQASM in one file; never imported by qbp."""
