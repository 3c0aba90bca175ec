"""What all rests on: axes, windows, the tables of reducers and windowings, dtypes, options, plans and boxes."""
