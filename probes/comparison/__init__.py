"""Accounts of learning curves compared by how well they predict held-out units and shots."""
