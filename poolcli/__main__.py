"""``python -m poolcli``."""

from poolcli.cli.main import run

run()
