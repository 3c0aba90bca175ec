"""Scores and errors beside a chunked array: whole pixels, and standard errors, box by box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..analysis import standard_errors, whole_pixels
from ..core import dtypes
from ..errors import PoolError
from ..valid_samples import ValidResult
from .sample_sources import SampleSources, read_beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.boxes import Box
    from ..core.plans import Plan, PlanPart
    from ..pooling import Pooling
    from .sources import ArraySource

    Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PixelSources(SampleSources):
    """What decides which pixel wins; pixels stay whole."""

    by: ArraySource | int | str = 0
    """Scores, the number of a channel, or luma."""
    of_by: str = ""
    """Where scores come from, ahead of what is said of them."""

    def check(self, pooling: Pooling, plan: Plan) -> None:
        """PoolError for what does not fit pixels, too."""
        pooling.check_indices()
        if isinstance(self.by, (int, str)):
            whole_pixels.check_by(self.by, plan)
        else:
            self.check_source(self.by, plan, self.of_by, "score")
        super().check(pooling, plan)

    def check_shape(self, shape: tuple[int, ...], plan: Plan, what: str) -> None:
        """PoolError for what has not one number for each pixel."""
        whole_pixels.check_pixels(shape, plan, what)

    def find_result_dtype(self, pooling: Pooling, dtype: dtypes.Type) -> dtypes.Type:
        """The type of the pixels; PoolError where another is asked for."""
        native = dtypes.check_dtype(dtype)
        whole_pixels.check_pooling(pooling, native)
        return native

    def widen(self, outputs: Box, plan: Plan) -> Box:
        """The same outputs, of all channels."""
        return tuple((0, n) if letter == "C" else one
                     for one, n, letter in zip(outputs, plan.full_shape, plan.axes.letters, strict=True))

    def pool_box(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart, *, counted: bool,
                 shares: bool = False) -> ValidResult:
        """The whole pixels of a box; nobody asks for the numbers of valid ones."""
        by = self.by if isinstance(self.by, (int, str)) else read_beside(self.by, inputs, plan)
        assert by is not None
        found = whole_pixels.run(pooling, samples, plan, by, self.read_mask(inputs, plan), part)
        return ValidResult(found.values, None, None, None)


@dataclass(frozen=True, eq=False)
class ErrorSources(SampleSources):
    """The standard error of each sample."""

    sigma: ArraySource | None = None
    of_sigma: str = ""
    """Where errors come from, ahead of what is said of them."""
    dtype: dtypes.Type | None = None
    """Of the errors of results, if it is a float; None: by that of the samples."""

    def check(self, pooling: Pooling, plan: Plan) -> None:
        """PoolError for errors that do not fit, too, and for what has no errors of independent samples."""
        assert self.sigma is not None
        self.check_source(self.sigma, plan, self.of_sigma, "array of errors")
        standard_errors.check_pooling(pooling)
        plan.check_whole_samples("sigma")
        super().check(pooling, plan)

    def find_errors(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart,
                    found: ValidResult) -> Array:
        """The standard errors of a box's results."""
        sigma = read_beside(self.sigma, inputs, plan)
        assert sigma is not None and found.few is not None
        try:
            return standard_errors.find_errors(replace(pooling, dtype=self.dtype), samples, plan,
                                               self.read_rules(inputs, plan), sigma, found.few, part)
        except PoolError as error:
            raise PoolError(f"{self.of_sigma}{error}") from None
