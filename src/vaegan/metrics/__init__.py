"""How good a model is, in numbers: distances of its images from real ones, errors of reconstructions, what its codes carry, and copies."""
