"""The operator's pages: sign-in, a frame with tabs, and a module for each tab."""
