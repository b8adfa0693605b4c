"""Printing of the book: outputs as they stand on paper and on e-readers."""
