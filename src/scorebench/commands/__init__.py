"""Commands of `scorebench` that are more than a line: one file each."""
