"""The commands that look inside.

``study.py`` is the command that they share, ``stage_arguments.py`` reads what to pool with, ``display`` prints.
"""
