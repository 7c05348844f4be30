"""Building data sets: the project's own sample reports, with what is true of them."""
