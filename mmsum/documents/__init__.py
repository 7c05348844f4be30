"""Documents: bytes -> mmsum.records.Document, in a child process that may be killed. Never imports torch or ray."""
