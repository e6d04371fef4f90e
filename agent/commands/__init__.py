"""Groups of commands: each module has its own functions, which ``agent.cli`` puts under ``switchboard``."""
