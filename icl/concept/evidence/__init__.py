"""The evidence decomposition: what inputs, label words and right labels of a demonstration bring, on real tasks."""
