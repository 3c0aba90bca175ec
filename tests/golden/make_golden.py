"""Write torch.npz: what PyTorch pools from seeded inputs, for `tests/test_golden.py` to compare with.

Made by torch 2.13.0 (CPU) and numpy 2.4.6, from the root of the repository, with

    python tests/golden/make_golden.py

Run it again only to add rows, and review what changed. The file holds the inputs (`x_NAME`), one row of
metadata per case (`meta`, JSON: tool, version, command, cases in poolcli's own keywords), the values
(`y_CASE`) and, where PyTorch gives them, the flat indices (`i_CASE`). All but the `positive` inputs are
multiples of 1/8, so that sums are exact in float32 and PyTorch's averages are the truth, not its
rounding. Left out is what PyTorch computes by another rule: Lp of negative values or with `ceil_mode`,
integer averages, empty windows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

LENGTHS = {1: (11,), 2: (9, 10), 3: (6, 7, 5)}
LAYOUTS = {1: "NCL", 2: "NCHW", 3: "NCDHW"}


class Case(NamedTuple):
    """One row: the reducer and keywords of `poolcli.pool`, and the input's name."""

    name: str
    reducer: str
    source: str
    options: dict[str, Any]


WINDOWS: dict[str, dict[str, Any]] = {
    "blocks": {"size": 2},
    "overlap": {"size": 3, "stride": 2},
    "dense": {"size": 2, "stride": 1},
    "holes": {"size": 2, "stride": 3},
    "padded": {"size": 3, "stride": 2, "padding": 1},
    "ceil": {"size": 3, "stride": 2, "ceil_mode": True},
    "ceil_holes": {"size": 2, "stride": 3, "ceil_mode": True},
    "ceil_padded": {"size": 2, "stride": 2, "padding": 1, "ceil_mode": True},
    "ceil_padded_overlap": {"size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
    "one": {"size": 1},
}
DILATED: dict[str, dict[str, Any]] = {
    "dilated": {"size": 2, "stride": 1, "dilation": 2},
    "dilated_padded": {"size": 3, "stride": 2, "padding": 1, "dilation": 2},
    "dilated_ceil": {"size": 2, "stride": 3, "padding": 1, "dilation": 3, "ceil_mode": True},
}
UNEQUAL: dict[str, dict[str, Any]] = {
    "unequal": {"size": (3, 2), "stride": (1, 3), "padding": (1, 0)},
    "unequal_ceil": {"size": (2, 4), "stride": (3, 2), "padding": (0, 2), "ceil_mode": True},
}
COUNTS: dict[str, dict[str, Any]] = {
    "exclude": {"count_include_pad": False},
    "include": {"count_include_pad": True},
    "divisor": {"divisor": 3},
}
# n, ratio, K and a dyadic u for which PyTorch's float steps are the exact ones (checked below).
FRACTIONAL: dict[str, dict[str, Any]] = {
    "quarter": {"fractional": 1.4, "size": 2, "u": 0.25},
    "half": {"fractional": 1.7, "size": 3, "u": 0.5},
    "zero": {"fractional": 2.2, "size": 2, "u": 0.0},
    "late": {"fractional": 1.3, "size": 1, "u": 0.875},
}


def cases() -> Iterator[Case]:
    """Every row of the golden file."""
    for nd in LENGTHS:
        flat = WINDOWS | (UNEQUAL if nd == 2 else {})
        for name, options in (flat | DILATED).items():
            yield Case(f"max{nd}d_{name}", "max", f"plain{nd}d", options)
        for name, options in flat.items():
            for count, divisor in COUNTS.items():
                if nd > 1 or count != "divisor":  # avg_pool1d has no divisor_override
                    yield Case(f"avg{nd}d_{name}_{count}", "avg", f"plain{nd}d", options | divisor)
        for p in (1, 1.5, 2, 3):
            yield Case(f"lp{nd}d_blocks_{p}", "lp", f"positive{nd}d", {"size": 2, "p": p})
            yield Case(f"lp{nd}d_overlap_{p}", "lp", f"positive{nd}d", {"size": 3, "stride": 2, "p": p})
        for m in (1, 3, 5, 12):
            yield Case(f"adaptive_max{nd}d_{m}", "max", f"plain{nd}d", {"adaptive": m})
            yield Case(f"adaptive_avg{nd}d_{m}", "avg", f"plain{nd}d", {"adaptive": m})
    yield Case("adaptive_max2d_unequal", "max", "plain2d", {"adaptive": (7, "all")})
    yield Case("max2d_nan", "max", "nan2d", {"size": 3, "stride": 2})
    yield Case("max3d_nan", "max", "nan3d", {"size": 3, "stride": 2})
    yield Case("adaptive_max2d_nan", "max", "nan2d", {"adaptive": 4})
    for nd in (2, 3):
        for name, options in FRACTIONAL.items():
            yield Case(f"fractional_max{nd}d_{name}", "max", f"double{nd}d", options)


def inputs() -> dict[str, np.ndarray]:
    """The seeded inputs: eighths with many ties, positive doubles, and one NaN in twelve."""
    made = {}
    for nd, lengths in LENGTHS.items():
        rng = np.random.default_rng(nd)
        plain = (rng.integers(-40, 40, (2, 3, *lengths)) / 8).astype(np.float32)
        made[f"plain{nd}d"] = plain
        made[f"double{nd}d"] = plain.astype(np.float64)
        made[f"positive{nd}d"] = rng.uniform(0.01, 10, plain.shape)
        made[f"nan{nd}d"] = np.where(rng.random(plain.shape) < 1 / 12, np.float32(np.nan), plain)
    return made


def pool(case: Case, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Let PyTorch do what the row says in poolcli's words: values, and indices if it has them."""
    nd, options = x.ndim - 2, dict(case.options)
    if "adaptive" in options:
        size = options["adaptive"]
        size = (
            tuple(n if m == "all" else m for m, n in zip(size, x.shape[2:], strict=True))
            if isinstance(size, tuple)
            else size
        )
        done = call(f"adaptive_{case.reducer}", nd, x, output_size=size, **wants_indices(case))
    elif "fractional" in options:
        done = fractional(options, nd, x)
    elif case.reducer == "lp":
        done = call(
            "lp", nd, x, norm_type=options["p"], kernel_size=options["size"], stride=options.get("stride")
        )
    else:
        renamed = {"size": "kernel_size", "divisor": "divisor_override"}
        done = call(
            case.reducer, nd, x, **{renamed.get(k, k): v for k, v in options.items()}, **wants_indices(case)
        )
    return done if isinstance(done, tuple) else (done, None)


def call(name: str, nd: int, x: torch.Tensor, **options: Any) -> Any:
    """Call `torch.nn.functional.NAME_poolNd`."""
    return getattr(functional, f"{name}_pool{nd}d")(x, **options)


def wants_indices(case: Case) -> dict[str, bool]:
    """Ask for indices where PyTorch has them."""
    return {"return_indices": True} if case.reducer == "max" else {}


def fractional(options: dict[str, Any], nd: int, x: torch.Tensor) -> Any:
    """Fractional max pooling with the same u on every axis of every plane."""
    k, lengths = options["size"], x.shape[2:]
    counts = tuple(int(n / options["fractional"]) for n in lengths)
    for n, count in zip(lengths, counts, strict=True):
        check_starts(n, k, count, options["u"])
    samples = torch.full((*x.shape[:2], nd), options["u"], dtype=x.dtype)
    return call(
        "fractional_max",
        nd,
        x,
        kernel_size=k,
        output_size=counts,
        _random_samples=samples,
        return_indices=True,
    )


def check_starts(n: int, k: int, count: int, u: float) -> None:
    """Refuse a row whose steps in floating point are not the exact ones."""
    alpha = (n - k) / (count - 1)
    floats = [int((i + u) * alpha) - int(u * alpha) for i in range(count - 1)]
    eighths = int(u * 8)
    exact = [
        (8 * i + eighths) * (n - k) // (8 * (count - 1)) - eighths * (n - k) // (8 * (count - 1))
        for i in range(count - 1)
    ]
    if floats != exact:
        raise ValueError(f"float steps differ for n={n} k={k} o={count} u={u}")


def main() -> None:
    """Pool every case and write the file beside this script."""
    given, rows = inputs(), list(cases())
    arrays = {f"x_{name}": x for name, x in given.items()}
    for case in rows:
        values, indices = pool(case, torch.from_numpy(given[case.source]))
        arrays[f"y_{case.name}"] = values.numpy()
        if indices is not None:
            arrays[f"i_{case.name}"] = indices.numpy().astype(np.int16)
    meta = {
        "tool": "torch",
        "version": torch.__version__,
        "numpy": np.__version__,
        "command": "python tests/golden/make_golden.py",
        "layouts": LAYOUTS,
        "cases": [case._asdict() for case in rows],
    }
    np.savez_compressed(Path(__file__).with_name("torch.npz"), meta=np.array(json.dumps(meta)), **arrays)


if __name__ == "__main__":
    main()
