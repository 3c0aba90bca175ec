"""The commands that look inside: ``frame.py`` is the command that they share, ``stages.py`` reads what to pool with."""
