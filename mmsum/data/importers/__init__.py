"""Other people's documents with gold summaries -> examples. What fails is counted and named; it never stops an import."""
