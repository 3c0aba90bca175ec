"""Write undo.npz: gradients by PyTorch's autograd, and what its max_unpool makes, for `tests/analysis/test_undo.py`.

Made by torch 2.13.0 (CPU) and numpy 2.4.6, from the root of the repository, with

    python tests/golden/make_undo.py

Run it again only to add rows, and review what changed. The file holds the inputs (`x_NAME`, float64), one row of
metadata per case (`meta`, JSON: tool, version, command, cases in poolcli's own keywords), the upstream gradients in
eighths (`u_CASE`) and the gradients (`g_CASE`); of unpooling the values (`v_CASE`), flat indices (`i_CASE`) and results
(`g_CASE`). Where PyTorch has the pooling it is used; the other reducers are its own functions on unfolded windows.
`tied` inputs are eighths with many ties, the others have none: PyTorch shares what `amax` passes back among ties.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

LENGTHS = {1: (11,), 2: (6, 7), 3: (4, 5, 4)}
LAYOUTS = {1: "CL", 2: "CHW", 3: "CDHW"}
PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


class Case(NamedTuple):
    """One row: the reducer and keywords of `poolcli.grad`, and the input's name; "unpool" stands for `unpool`."""

    name: str
    reducer: str
    source: str
    options: dict[str, Any]


WINDOWS: dict[str, dict[str, Any]] = {
    "blocks": {"size": 2}, "overlap": {"size": 3, "stride": 1}, "holes": {"size": 2, "stride": 3},
    "padded": {"size": 3, "stride": 2, "padding": 1},
    "ceil": {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
}
DILATED = {"dilated": {"size": 2, "stride": 1, "padding": 1, "dilation": 2}}
COUNTS: dict[str, dict[str, Any]] = {"exclude": {"count_include_pad": False}, "include": {"count_include_pad": True},
                                     "divisor": {"divisor": 3}}
FORMULAS: list[tuple[str, str, dict[str, Any]]] = [
    *(("lp", "plain", {"p": p}) for p in (1, 1.5, 2, 3, math.inf)), ("l2", "plain", {}), ("sum", "plain", {}),
    ("gem", "positive", {"p": 3}), ("gem", "plain", {"p": 2.5, "eps": 0.5}), ("lse", "plain", {"r": 1}),
    ("lse", "plain", {"r": -2.5}), ("soft", "plain", {}), ("mixed", "plain", {"weight": 0.3}), ("var", "plain", {}),
    ("std", "plain", {}), ("range", "plain", {}), ("stochastic", "positive", {"expected": True}),
    ("median", "plain", {}), ("quantile", "plain", {"q": 0.3}), ("blur", "plain", {}), ("subsample", "plain", {}),
    ("min", "plain", {}),
]
UNPOOLED: dict[str, dict[str, Any]] = {
    "blocks": {"size": 2}, "overlap": {"size": 3, "stride": 2}, "padded": {"size": 3, "stride": 2, "padding": 1},
}


def cases() -> Iterator[Case]:
    """Every row of the file."""
    for nd in LENGTHS:
        for name, options in (WINDOWS | DILATED).items():
            yield Case(f"max{nd}d_{name}", "max", f"tied{nd}d", options)
        for name, options in WINDOWS.items():
            for count, divisor in COUNTS.items():
                if nd > 1 or count != "divisor":  # avg_pool1d has no divisor_override
                    yield Case(f"avg{nd}d_{name}_{count}", "avg", f"plain{nd}d", options | divisor)
        for reducer in ("max", "avg"):
            yield Case(f"adaptive_{reducer}{nd}d", reducer, f"tied{nd}d", {"adaptive": 3})
        for reducer, source, own in FORMULAS:
            for name in ("blocks", "overlap"):
                tail = "".join(f"_{value}" for value in own.values())
                yield Case(f"{reducer}{nd}d_{name}{tail}", reducer, f"{source}{nd}d", WINDOWS[name] | own)
        for name, options in UNPOOLED.items():
            yield Case(f"unpool{nd}d_{name}", "unpool", f"plain{nd}d", options)
    for mode in PAD_MODES:
        for reducer in ("avg", "std"):
            yield Case(f"{reducer}2d_{mode}", reducer, "plain2d", {**WINDOWS["padded"], "padding": 2, "pad_mode": mode})
    yield Case("max2d_nan", "max", "nan2d", {"size": 3, "stride": 2})


def inputs() -> dict[str, np.ndarray]:
    """The seeded inputs."""
    made = {}
    for nd, lengths in LENGTHS.items():
        rng = np.random.default_rng(nd)
        shape = (2, *lengths)
        made[f"tied{nd}d"] = rng.integers(-8, 8, shape) / 8
        made[f"plain{nd}d"] = rng.permutation(np.arange(-31.5, np.prod(shape) - 31.5)).reshape(shape) / 32
        made[f"positive{nd}d"] = rng.permutation(np.arange(1.0, 1 + np.prod(shape))).reshape(shape) / 32
        made[f"nan{nd}d"] = np.where(rng.random(shape) < 1 / 8, np.nan, made[f"tied{nd}d"])
    return made


def windows(x: torch.Tensor, size: int, stride: int | None) -> torch.Tensor:
    """Every window's samples along a last axis."""
    for axis in range(1, x.ndim):
        x = x.unfold(axis, size, stride or size)
    return x.flatten(-(x.ndim // 2))


def binomial(w: torch.Tensor, size: int, nd: int) -> torch.Tensor:
    """The mean with binomial weights."""
    one = torch.tensor([float(math.comb(size - 1, j)) for j in range(size)], dtype=w.dtype)
    weights = one
    for _ in range(nd - 1):
        weights = torch.outer(weights, one).flatten()
    return (w * weights).sum(-1) / weights.sum()


OWN: dict[str, Callable[..., torch.Tensor]] = {
    "sum": lambda w: w.sum(-1),
    "min": lambda w: w.amin(-1),
    "avg": lambda w: w.mean(-1),
    "lp": lambda w, p: torch.linalg.vector_norm(w, p, -1),
    "l2": lambda w: torch.linalg.vector_norm(w, 2, -1),
    "gem": lambda w, p, eps=1e-6: w.clamp(min=eps).pow(p).mean(-1).pow(1 / p),
    "lse": lambda w, r: (torch.logsumexp(r * w, -1) - math.log(w.shape[-1])) / r,
    "soft": lambda w: (w * torch.softmax(w, -1)).sum(-1),
    "mixed": lambda w, weight: weight * w.amax(-1) + (1 - weight) * w.mean(-1),
    "var": lambda w: w.var(-1, correction=0),
    "std": lambda w: w.std(-1, correction=0),
    "range": lambda w: w.amax(-1) - w.amin(-1),
    "stochastic": lambda w, expected: (w * w).sum(-1) / w.sum(-1),
    "median": lambda w: torch.quantile(w, 0.5, -1),
    "quantile": lambda w, q: torch.quantile(w, q, -1),
    "subsample": lambda w: w[..., 0],
}


def pooled(case: Case, x: torch.Tensor) -> torch.Tensor:
    """What PyTorch pools."""
    nd, options = x.ndim - 1, dict(case.options)
    if "adaptive" in options:
        return call(f"adaptive_{case.reducer}", x, output_size=options["adaptive"])
    mode = options.pop("pad_mode", None)
    if mode:
        x = functional.pad(x, [options.pop("padding")] * 2 * nd, mode=PAD_MODES[mode])
    elif case.reducer in ("max", "avg"):
        named = {"size": "kernel_size", "divisor": "divisor_override"}
        return call(case.reducer, x, **{named.get(name, name): value for name, value in options.items()})
    size = options.pop("size")
    w = windows(x, size, options.pop("stride", None))
    return binomial(w, size, nd) if case.reducer == "blur" else OWN[case.reducer](w, **options)


def call(name: str, x: torch.Tensor, **options: Any) -> torch.Tensor:
    """`torch.nn.functional.NAME_poolNd`."""
    found: torch.Tensor = getattr(functional, f"{name}_pool{x.ndim - 1}d")(x, **options)
    return found


def gradient(case: Case, x: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The upstream gradient in eighths, and what comes back."""
    given = torch.from_numpy(x).requires_grad_()
    values = pooled(case, given)
    eighths = rng.integers(-40, 40, tuple(values.shape)).astype(np.int8)
    values.backward(torch.from_numpy(eighths / 8))
    return {f"u_{case.name}": eighths, f"g_{case.name}": given.grad.numpy()}


def unpooled(case: Case, x: np.ndarray) -> dict[str, np.ndarray]:
    """The maxima, their indices, and what max_unpool makes of both at the size of the input."""
    nd, options = x.ndim - 1, dict(case.options)
    options["kernel_size"] = options.pop("size")
    values, indices = getattr(functional, f"max_pool{nd}d")(torch.from_numpy(x), return_indices=True, **options)
    found = getattr(functional, f"max_unpool{nd}d")(values, indices, output_size=x.shape[1:], **options)
    return {f"v_{case.name}": values.numpy(), f"i_{case.name}": indices.numpy().astype(np.int16),
            f"g_{case.name}": found.numpy()}


def main() -> None:
    """Make every case and write the file beside this script."""
    given, rows = inputs(), list(cases())
    arrays = {f"x_{name}": x for name, x in given.items()}
    rng = np.random.default_rng(0)
    for case in rows:
        x = given[case.source]
        arrays |= unpooled(case, x) if case.reducer == "unpool" else gradient(case, x, rng)
    meta = {"tool": "torch", "version": torch.__version__, "numpy": np.__version__,
            "command": "python tests/golden/make_undo.py", "layouts": LAYOUTS,
            "cases": [case._asdict() for case in rows]}
    np.savez_compressed(Path(__file__).with_name("undo.npz"), meta=np.array(json.dumps(meta)), **arrays)


if __name__ == "__main__":
    main()
