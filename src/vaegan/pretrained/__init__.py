"""Models that are known by a name: they come with the package, or are on the Hugging Face hub."""
