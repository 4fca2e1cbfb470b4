"""What every page stands in: frame, log-in, errors, words; and the pages about oneself."""
