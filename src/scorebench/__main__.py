"""`python -m scorebench` is the command line, whichever environment it stands in."""

from scorebench.cli import main

main()
