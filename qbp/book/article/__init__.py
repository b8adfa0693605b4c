"""Article of the replication: its numbers and tables from the committed results, and the list of outputs."""
