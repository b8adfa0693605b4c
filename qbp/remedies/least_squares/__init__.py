"""Two steps of least squares: linear weights solved exactly inside the loop, Gauss-Newton steps on the angles."""
