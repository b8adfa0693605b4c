"""Tables of results: stored, computed, checked."""
