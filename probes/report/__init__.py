"""The report: what a run found, in plain words, figures and one self-contained page."""
