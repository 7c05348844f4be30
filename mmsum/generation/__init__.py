"""Documents -> drafts: the Summarizer seam, prompts under a token budget, batched decoding."""
