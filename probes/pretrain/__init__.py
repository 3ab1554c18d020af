"""Train small causal language models on GINC; the shipped checkpoints and how they were made."""
