"""Knowledge: documents, passages and the index that finds them. Knows nothing of agents."""
