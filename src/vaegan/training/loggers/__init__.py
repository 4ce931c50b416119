"""Where the scalars and pictures of a training go, beside stats.jsonl: one file for each kind of logger."""
