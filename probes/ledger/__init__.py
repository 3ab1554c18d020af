"""What GINC models infer: the exact ledger of prompts, the concepts models act on, the evidence they use."""
