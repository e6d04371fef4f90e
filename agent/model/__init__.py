"""The one-pass model: backbone, adapters, heads and the engine that runs them."""
