"""One contract, many answers: control scorers, exact Bayes and Hugging Face models."""
