"""Fits of accounts to runs: sampled, stored, and put in words."""
