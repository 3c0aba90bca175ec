"""Where the jobs of a batch are done: in this process, in worker processes, or on a Dask cluster."""
