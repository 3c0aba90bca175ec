"""What the commands of the analyses print: tables, windows and pictures in a terminal."""
