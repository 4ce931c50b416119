"""What messages advise works: each that names a flag or a command is met here, and its advice is followed."""
