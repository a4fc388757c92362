"""Training score networks: the loop, what it keeps, and how a learning rate is chosen."""
