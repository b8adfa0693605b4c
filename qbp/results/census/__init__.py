"""Census of circuits that others published: their gradient variances, in a table that is verified."""
