"""What the report says of a job that is done, for whole arrays and streams alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import report
from ..report import FileReport

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.plans import Plan
    from ..pooling import Pooling

    Array = NDArray[Any]


def geometry(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """The fields of a report that follow from the plan."""
    return {"layout": pooling.window.layout.name, "axes": plan.axes.letters, "windows": report.windows(pooling, plan),
            "input_shape": plan.input_shape, "output_shape": plan.output_shape, "uncovered": plan.uncovered}


def with_values(done: FileReport, values: Array, plan: Plan) -> FileReport:
    """The same with values to look at."""
    small = values.size <= report.MOST_VALUES
    return replace(done, values=values.tolist() if small else None,
                   preview=report.preview(values, plan.output_letters))
