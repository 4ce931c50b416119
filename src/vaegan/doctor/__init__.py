"""What is wrong with a set of images, found out before a model is trained on it."""
