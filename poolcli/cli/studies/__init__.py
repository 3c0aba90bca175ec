"""The commands that look inside: ``frame.py`` is what they share, ``stages.py`` reads what to pool with."""
