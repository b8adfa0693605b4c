"""Sphinx extension of the book: commands below results, reading paths, pages that everybody can read."""
