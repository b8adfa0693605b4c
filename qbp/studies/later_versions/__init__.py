"""Studies of the paper's later versions."""
