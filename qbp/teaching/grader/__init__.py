"""Grader of the labs: submissions made safe, run in a sandbox, scored and written down."""
