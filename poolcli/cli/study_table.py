"""The commands that are no reducer: in which module each is, its line of help, and why it takes no mask.

``poolcli --help`` reads these rows alone; a command is built when it is called, or when a message asks for its options.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click


class StudyRow(NamedTuple):
    """A command: its module below ``poolcli.cli``, which has it as ``command``, and its line of help."""

    module: str
    help: str
    all_samples: str = ""
    """Why every sample counts, for who gives a mask to a study that takes none; "" adds nothing to the message."""

    def build(self) -> click.Command:
        """Import its module."""
        built: click.Command = import_module(f".{self.module}", __package__).command
        return built


STUDIES: Mapping[str, StudyRow] = {
    "plan": StudyRow(
        "analysis.plan_command",
        "What a chain of poolings makes of a shape: sizes, fields, bytes, what is left out."),
    "explain": StudyRow(
        "analysis.explain_command",
        "Explain one output value: its window, the arithmetic, the rounding."),
    "compare": StudyRow(
        "analysis.compare_command",
        "Many reducers side by side: pictures, and what each keeps in numbers."),
    "chain": StudyRow("analysis.chain_command", "Several poolings one after another, without files between them."),
    "stats": StudyRow("stats_command", "Several reducers over the same windows of files that are read once."),
    "pyramid": StudyRow(
        "analysis.pyramid_command",
        "An array pooled again and again: levels, hypercolumns, spatial pyramid pooling."),
    "fractions": StudyRow("fractions_command", "The share of each class in each window, a channel each."),
    "group": StudyRow(
        "analysis.group_command",
        "Pool over a stack of arrays, or over turned, flipped or shifted copies.",
        "compares results of samples that have moved, and a mask does not move with them"),
    "grad": StudyRow(
        "analysis.grad_command",
        "Where a gradient goes: which samples a pooling listens to, as numbers and as a picture."),
    "unpool": StudyRow(
        "analysis.unpool_command",
        "Undo a pooling: values back to where they stood, or over their windows.",
        "has indices or windows to go by, and no samples that could count"),
    "haar": StudyRow(
        "haar_command",
        "Haar's wavelet: means and differences, a pooling that loses nothing, and its inverse."),
    "convert-indices": StudyRow(
        "analysis.convert_indices_command",
        "Renumber indices for PyTorch, ONNX or TensorFlow."),
    "shift": StudyRow(
        "analysis.shift_command",
        "How stable poolings are when the picture moves, and what their strides fold back.",
        "compares results of samples that have moved, and a mask does not move with them"),
    "bounds": StudyRow("analysis.bounds_command", "What every output can become when inputs move within intervals."),
}
"""Commands that look inside, in the order in which people ask."""
OTHERS: Mapping[str, StudyRow] = {
    "list": StudyRow("list_command", "Print the reducers and the windowings."),
    "warmup": StudyRow("warmup_command", "Compile the usual kernels in advance."),
    "bench": StudyRow("bench_command", "Measure pooling on this machine, in copies of the input."),
}
"""The rest."""
MODULES = {**STUDIES, **OTHERS}
"""All that are no reducer."""


def find_takers(keyword: str) -> list[str]:
    """The studies that have an option, by its keyword."""
    return [name for name, row in STUDIES.items() if any(one.name == keyword for one in row.build().params)]
