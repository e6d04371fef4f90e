"""Tests of the apps that ship."""
