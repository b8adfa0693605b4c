"""The paper's perceptrons, their data and the problems they pose."""
