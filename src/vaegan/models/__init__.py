"""The networks, one file a family, and the model that is made of them."""
