"""How figures reach the backbone."""
