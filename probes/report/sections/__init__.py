"""One file a probe: what the report draws and says of it; each function returns None where the run does not hold it."""
