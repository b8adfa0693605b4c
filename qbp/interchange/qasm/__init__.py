"""OpenQASM 2 and 3: text read into circuits, and circuits written as text."""
