"""Two steps of least squares: weights solved exactly inside the loop, Gauss-Newton steps on the angles."""
