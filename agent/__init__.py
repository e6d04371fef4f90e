"""Switchboard: a self-hosted chat agent service for domain apps."""
