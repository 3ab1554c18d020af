"""Score table → sensitivities with uncertainty. Every interval is a 90 % interval."""
