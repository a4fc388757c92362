"""Commands that stand for themselves, one file each; `cli` registers them."""
