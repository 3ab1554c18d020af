"""Accounts of learning curves compared by what they predict: of units, and of shots, that they have not seen."""
