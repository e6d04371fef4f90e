"""From examples to a model version: data, training, evaluation, registry."""
