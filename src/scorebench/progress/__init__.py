"""What a job keeps and shows while it is under way, on which no result depends: checkpoints, live curves, bars."""
