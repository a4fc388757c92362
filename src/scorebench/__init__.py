"""scorebench: a reproducible workbench for score matching."""
