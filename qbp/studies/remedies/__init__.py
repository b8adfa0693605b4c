"""Studies of remedies: the grid of the comparison, the rule for step sizes, and what to recommend."""
