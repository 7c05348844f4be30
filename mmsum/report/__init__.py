"""The HTML report of an output: one page that opens from a file, with no network."""
