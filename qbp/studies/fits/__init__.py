"""Studies of least squares on circuits."""
