"""Tables that a stranger may have made, measured before they are read."""
