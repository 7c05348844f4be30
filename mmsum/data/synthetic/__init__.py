"""Synthetic examples: illustrated reports whose gold summaries need the figures.

topic -> plot.py (what a figure holds) <- shapes.py (numbers made around answers) -> wording.py (sentences and checks) ->
report.py (one whole report) -> matplotlib_charts.py, vega_charts.py, pictures.py (pixels) -> generate.py (Parquet).
"""
