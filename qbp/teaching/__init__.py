"""Labs: scores that teach, budgets of shots, releases for students and a grader that runs offline."""
