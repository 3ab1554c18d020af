"""A probe = a grid of paired conditions and the question it answers; one file each."""
