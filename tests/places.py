"""Random poolings and where their windows are centred, for the tests of places; independent of poolcli."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import reference

from poolcli import files, pooling
from poolcli.errors import PoolError


def options(chance: random.Random, lengths: list[int]) -> dict[str, Any]:
    """Options that lay regular windows over axes of these lengths."""
    kind = chance.choice(["fixed", "fixed", "same", "global", "one axis", "even"])
    count = len(lengths)
    if kind == "global":
        return {"size": "all"}
    if kind == "even":
        return {"adaptive": tuple(chance.choice([d for d in range(1, n + 1) if n % d == 0]) for n in lengths)}
    if kind == "one axis":
        size = [1] * count
        size[chance.randrange(count)] = chance.randint(2, 4)
        return {"size": tuple(size)}
    size = tuple(chance.randint(1, 5) for _ in lengths)
    found: dict[str, Any] = {"size": size, "stride": tuple(chance.randint(1, 4) for _ in lengths),
                             "dilation": tuple(chance.randint(1, 2) for _ in lengths)}
    if kind == "same":
        return {**found, "padding": chance.choice(["same", "same-lower"])}
    before_after = tuple((chance.randint(0, k // 2), chance.randint(0, k // 2)) for k in size)
    return {**found, "padding": before_after, "ceil_mode": chance.random() < 0.4,
            "pad_mode": chance.choice(["exclude", "edge"])}


def chain(chance: random.Random, shape: tuple[int, ...], layout: str, most: int = 2
          ) -> tuple[list[pooling.Pooling], list[list[Fraction]]]:
    """Poolings that fit an array one after another, and the nominal centres of the last windows by pooled axis."""
    while True:
        stages, sizes = [], shape
        axes = reference.pooled_axes(layout)
        centres = [[Fraction(i) for i in range(shape[axis])] for axis in axes]
        steps = [Fraction(1)] * len(axes)
        try:
            for _ in range(chance.randint(1, most)):
                if stages and min(len(found) for found in centres) == 1:
                    break  # how far it is from one sample to the next is then a matter of definition
                asked = options(chance, [sizes[axis] for axis in axes])
                one = pooling.parse_pooling("max", layout=layout, **asked)
                sizes = one.plan(sizes).output_shape
                geometry = reference.axes([len(found) for found in centres],
                                          reference.Options(**{k: v for k, v in asked.items() if k != "pad_mode"}))
                for i, axis in enumerate(geometry):
                    centres[i], steps[i] = centred(axis, centres[i], steps[i])
                stages.append(one)
        except PoolError:
            continue
        return stages, centres


def centred(axis: reference.Axis, centres: list[Fraction], step: Fraction) -> tuple[list[Fraction], Fraction]:
    """The middle of each window's positions, on the file's axis, and the step of the result."""
    middles = [Fraction(window[0] + window[-1], 2) for window in axis.windows]
    found = [centres[0] + step * middle for middle in middles]
    return found, found[1] - found[0] if len(found) > 1 else step


def pool_file(source: Path, target: Path, stages: list[pooling.Pooling], key: str | None = None) -> tuple[str, ...]:
    """Read, pool and write as the commands do."""
    loaded = files.read(source, key=key)
    array, place = loaded.array, loaded.source.place
    for stage in stages:
        plan = stage.plan(array.shape)
        array, place = stage.run(array, plan).values, None if place is None else place.pool(plan)
    written = replace(loaded.source, place=place)
    return files.write(target, np.ascontiguousarray(array), written, overwrite=True)
