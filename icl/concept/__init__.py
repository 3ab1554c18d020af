"""What the model inferred: learning curves read as evidence for the right concept, by one account or another.

A run's answers become counts (`counts`); an account (`accounts`) is a law with priors; both make a layout (`layout`),
which can be sampled into a fit (`fit`), simulated and predicted from. A fit says whether it may be read (`diagnose`)
and what it says (`summary`). PyMC, nutpie and ArviZ are imported here and nowhere else, inside the functions that use
them, so importing this package stays cheap.
"""
