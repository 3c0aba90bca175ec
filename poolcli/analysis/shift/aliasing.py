"""Aliasing: what a stride folds back, by the spectrum of what it strides over.

A reducer at stride 1 gives z. A stride s keeps every s-th sample, and by the downsampling theorem each frequency above
the new Nyquist limit, |f| > 1 / (2 s) cycles a sample along any axis, comes back as a lower one that was never there
(J. O. Smith, "Mathematics of the Discrete Fourier Transform", alias operator). So, with Z the Fourier transform of z
without its mean,

    aliasing = sum |Z(f)|^2 over what is above the limit / sum |Z(f)|^2 over all f.

This is poolcli's own measure; that strided layers fold, and that a blur before the stride helps, is R. Zhang, "Making
convolutional networks shift-invariant again", arXiv 1904.11486, and C. Vasconcelos and others, "Impact of aliasing on
generalization in deep convolutional networks", arXiv 2108.03489. Over all phases of the stride together the energy of
the strided signals is that of z (Parseval), so the share is that of the pooled picture's own energy which is false.

z is multiplied by a Hann window, lest the jump from its end to its beginning count as detail: a line of the spectrum
becomes three bins wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
"""Relative to the largest sample: what differs less is a constant and the noise of its arithmetic."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The energy of every frequency, planes together; the last axis has the frequencies from 0 on, counted twice."""

    energy: Floats
    frequencies: tuple[Floats, ...]
    """Of each axis, in cycles a sample, shaped to go with ``energy``."""

    def aliasing(self, strides: Sequence[int], taps: int = 1) -> float:
        """The share that the strides fold, after a binomial blur of so many taps: |H(f)|^2 = cos(pi f)^(2 taps - 2).

        0 where there is no energy at all.
        """
        energy, folded = self.energy, np.zeros(self.energy.shape, bool)
        for f, stride in zip(self.frequencies, strides, strict=True):
            energy = energy * np.cos(np.pi * f) ** (2 * taps - 2)
            folded |= np.abs(f) * (2 * stride) > 1 + _ROUNDING
        total = float(energy.sum())
        share = float(energy[folded].sum()) / total if total > 0 else 0.0
        return min(share, 1.0)  # the two sums are in different orders


def compute_spectrum(planes: Iterable[Floats]) -> Spectrum | None:
    """The spectrum of planes of one shape, each without its own mean; None where none is whole.

    Planes with NaN or infinities are left out.
    """
    energy: Floats | None = None
    shape: tuple[int, ...] = ()
    for plane in planes:
        if not np.isfinite(plane).all():
            continue
        shape = plane.shape
        found = _compute_energies(plane)
        energy = found if energy is None else energy + found
    if energy is None:
        return None
    last = len(shape) - 1
    made = [np.fft.rfftfreq(n) if axis == last else np.fft.fftfreq(n) for axis, n in enumerate(shape)]
    frequencies = tuple(f.astype(np.float64).reshape([-1 if i == axis else 1 for i in range(len(shape))])
                        for axis, f in enumerate(made))
    return Spectrum(energy, frequencies)


def _compute_energies(plane: Floats) -> Floats:
    """|Z|^2 of one plane, halves that a real signal has twice counted twice."""
    weights = _hann_window(plane.shape)
    mean = float((weights * plane).sum() / weights.sum())
    rest = plane - mean
    if np.abs(rest).max() <= _ROUNDING * np.abs(plane).max():
        rest = np.zeros_like(plane)
    transformed = np.fft.rfftn(rest * weights)
    energy: Floats = transformed.real ** 2 + transformed.imag ** 2
    twice = slice(1, (plane.shape[-1] + 1) // 2)
    energy[..., twice] *= 2
    return energy


def _hann_window(shape: Sequence[int]) -> Floats:
    """The window of all axes; half a sample from its ends, so that a short axis keeps all samples."""
    weights = np.ones(())
    for n in shape:
        one = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
        weights = weights[..., None] * one
    return weights
