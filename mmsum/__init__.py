"""mmsum: archives of documents become archives of summaries that have looked at the figures.

import mmsum
mmsum.summarize("reports/", "out/", preset="pocket")
table = mmsum.read_summaries("out/")
"""

from mmsum.api import read_summaries, summarize

__version__ = "0.1.0"

__all__ = ["__version__", "read_summaries", "summarize"]
