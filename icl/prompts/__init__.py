"""How it is asked: demonstrations, label modes, formats, and the prompts they render to."""
