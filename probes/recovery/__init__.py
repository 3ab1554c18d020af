"""Can fits be trusted? Accounts fitted to what they simulate, and to predictors whose drift is known."""
