"""Studies: the runs that answer one question each, and the tables they stand in."""
