"""Building data sets: sample reports, synthetic examples, importers and a check."""
