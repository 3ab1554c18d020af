"""The experiments of Xie et al. 2022 repeated on the lab's own models: claims, figures and results."""
