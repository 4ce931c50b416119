"""The parts of benchmarks/pictures.py: contenders that train for the same processor seconds, and what their pictures are worth."""
