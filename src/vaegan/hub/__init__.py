"""Models of the Hugging Face hub: fetching them, and sending them with a model card."""
