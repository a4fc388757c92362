"""Running a study: jobs, what they cost, where they stand, what is kept and what goes."""
