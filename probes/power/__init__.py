"""How small a difference a run can find, before it is run."""
