"""Environment of the command line, to be imported before NumPy: what NumPy multiplies here is small.

Its library asks for a number of threads when it is loaded, and by default has every core wait by computing.
"""

import os

if "OMP_NUM_THREADS" not in os.environ:  # it would ask for that, too
    os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("QBP_THREADS") or "1")
