"""Slurm: what it is asked, what a site wants to be told, and the profile that follows."""
