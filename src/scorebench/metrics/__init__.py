"""How good a score is, scale by scale, and how good the samples are that it makes."""
