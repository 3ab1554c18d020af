"""One file per probe: what the report draws and says of it; each function returns None where the run lacks it."""
