"""What the model inferred: learning curves read as a random walk of the log-odds of the right concept.

A run's answers become counts (`counts`), the counts a Bayesian model (`drift_diffusion`), the model a fit
(`fit`) that says whether it may be read (`diagnose`) and what it says (`summary`). PyMC, nutpie and ArviZ are
imported here and nowhere else, inside the functions that use them, so importing this package stays cheap.
"""
