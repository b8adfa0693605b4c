"""Side-by-side measurements of qbp against its peers; never imported by qbp.  `python -m benchmarks --help`."""
