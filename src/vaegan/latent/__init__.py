"""What a trained model is for: codes of images, directions among them, paths through them, and how well an image fits."""
