"""Files that are often tried and that poolcli does not read: what they are, and what would work."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

_TORCH = ("a file of PyTorch, which is a pickle of objects; in Python numpy.save('x.npy', torch.load(NAME)"
          ".detach().float().numpy()) of one tensor in it would work")
_SAFETENSORS = ("a file of safetensors, which holds tensors by name; in Python numpy.save('x.npy', "
                "safetensors.numpy.load_file(NAME)[KEY]) would work")
_CHECKPOINT = ("a checkpoint of a model, which holds tensors by name; in Python numpy.save('x.npy', "
               "torch.load(NAME)['state_dict'][KEY].float().numpy()) of one of them would work")
_PICKLE = ("a pickle, which may run any program when it is read; in Python numpy.save('x.npy', pickle.load(FILE)), if "
           "you trust it, would work")
_MATLAB = "a file of MATLAB; in Python numpy.save('x.npy', scipy.io.loadmat(NAME)[KEY]) would work"

_FOREIGN: Mapping[str, str] = MappingProxyType({
    ".pt": _TORCH, ".pth": _TORCH, ".ckpt": _CHECKPOINT, ".safetensors": _SAFETENSORS, ".pkl": _PICKLE,
    ".pickle": _PICKLE, ".mat": _MATLAB})
"""By ending."""


def describe_foreign(name: str) -> str | None:
    """Say what a file is, by its ending, and how an array comes out of it; None for all other endings.

    >>> describe_foreign("features.pt")[:49]
    'is a file of PyTorch, which is a pickle of object'
    """
    known = _FOREIGN.get(os.path.splitext(name)[1].lower())
    return None if known is None else f"is {known}"
