"""A study: what its file says, the jobs that follow, and the key of each."""
