"""The paper's experiments, and the questions it leaves open: runs that are trained alike, measured alike, and shown on one page."""
