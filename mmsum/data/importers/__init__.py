"""Other people's documents with gold summaries -> examples.

An item that fails is left out, counted and named. Only a list that cannot be read as a whole, or a taken OUT, ends an import.
"""
