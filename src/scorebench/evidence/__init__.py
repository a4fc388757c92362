"""What results say: intervals, tests, and the hypotheses that were written down before the runs."""
