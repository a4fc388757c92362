"""Commands of the command line that need no study, one file each; `cli.py` registers them."""
