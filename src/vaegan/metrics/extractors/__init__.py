"""Networks whose features images are compared by: one file each."""
