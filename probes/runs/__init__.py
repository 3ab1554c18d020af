"""The run folder: what was asked, what was scored, what was concluded."""
