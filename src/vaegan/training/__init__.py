"""Training: the loop, the step, and what they need of a machine."""
