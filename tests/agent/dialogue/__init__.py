"""Tests of the dialogue; no model is needed."""
