"""The instruments of the lab: scorers, probe designs, runs, pretraining, reports and the command line."""
