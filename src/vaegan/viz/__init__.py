"""Pictures and videos of images."""
