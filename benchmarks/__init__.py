"""qbp measured beside its peers; never imported by qbp.  `python -m benchmarks --help` says how."""
