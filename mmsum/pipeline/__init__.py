"""The batch flow: plan, parse, generate, commit."""
