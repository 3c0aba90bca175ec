"""A seeded walk through everything that can be asked: what is dearer than its neighbours, what peers do faster."""
