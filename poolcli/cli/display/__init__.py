"""How what is done is shown: the report of a run, and the answers of studies."""
