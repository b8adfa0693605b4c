"""Claims of the paper, put to the results."""
