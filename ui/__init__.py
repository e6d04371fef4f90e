"""The web pages: what a customer sees. Everything is asked of an Agent that is handed in."""
