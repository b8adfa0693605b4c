"""Tables of plateaus and of tools that look for them."""
