"""Terrain that training walks: surveys of where runs start, change stage and end."""
