"""Looking at poolings: what they keep, where values come from, what they do to a picture. The core knows none of it.

A study is a function from an array, or a shape, and one or several poolings to plain data: dataclasses of numbers, text
and arrays. ``stages.py`` says what to pool with, ``unfold.py`` gives the samples of windows. JSON,
files, terminals and pictures are dealt with elsewhere.
"""
