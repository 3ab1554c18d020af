"""Tables of results from anywhere, made into run folders: what their columns mean, checked and said."""
