"""Tools of the book: its tables, explorers, pages and runs."""
