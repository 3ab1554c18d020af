"""The experiments of Xie et al. 2022 asked again of the lab's own models: claims, figures and what came of them."""
