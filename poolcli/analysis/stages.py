"""What a study pools with: one pooling, or several one after another or side by side. Without NumPy, for --help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..core.reducers import REDUCERS
from ..core.windowings import NAMED_DEFAULTS
from ..errors import OptionError

if TYPE_CHECKING:
    from ..pooling import Pooling


@dataclass(frozen=True, eq=False)
class Stage:
    """A reducer and the keywords of ``poolcli.pool`` that go with it."""

    reducer: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    """As it was typed, for titles; by default the reducer and its keywords."""

    @cached_property
    def pooling(self) -> Pooling:
        """It, checked; OptionError names the keyword that is wrong."""
        from ..pooling import parse_pooling

        return parse_pooling(self.reducer, **self.keywords)

    def with_pooling(self, pooling: Pooling, **keywords: Any) -> Stage:
        """Return the same with keywords of which ``pooling`` is what checking them would give: they are not checked."""
        made = Stage(self.reducer, {**self.keywords, **keywords}, self.title)
        vars(made)["pooling"] = pooling  # where cached_property keeps it
        return made

    @property
    def title(self) -> str:
        """What tells it from other stages."""
        return self.text or " ".join([self.reducer, *(f"{name}={value}" for name, value in self.keywords.items())])


def as_stage(given: Any, shared: Mapping[str, Any] | None = None) -> Stage:
    """A stage from a name, a pair of name and keywords, or a stage; ``shared`` keywords are those it does not say."""
    if isinstance(given, Stage):
        reducer, own, text = given.reducer, given.keywords, given.text
    elif isinstance(given, str):
        reducer, own, text = given, {}, given
    else:
        reducer, own, text = _check_pair(given)
    return Stage(reducer, {**_filter_parameters(reducer, shared or {}), **own}, text)


def with_layout(stage: Stage, letters: str) -> Stage:
    """Return a stage that names the axes, by these letters where it did not."""
    if stage.pooling.layout:
        return stage
    return stage.with_pooling(replace(stage.pooling, layout=letters), layout=letters)


def with_named_axes(stage: Stage, shape: Sequence[int], letters: str | None, names: Sequence[str] = ()) -> Stage:
    """Return a stage whose values by the names of axes are settled for an array of this shape.

    ``names`` are those of its axes beside their letters; none where they have none.
    """
    pooling = stage.pooling.for_axes(shape, letters, names)
    if pooling is stage.pooling:
        return stage
    settled = {name: getattr(pooling.window, name) for name in NAMED_DEFAULTS if name in stage.keywords}
    return stage.with_pooling(pooling, **settled, layout=pooling.layout)


def _check_pair(given: Any) -> tuple[str, Mapping[str, Any], str]:
    """A name and keywords, or OptionError."""
    if (isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], str)
        and isinstance(given[1], Mapping)):
        return given[0], given[1], ""
    raise OptionError("stages", f'a stage is a name, or name and keywords as in ("max", {{"size": 2}}), not {given!r}')


def as_stages(given: Any, shared: Mapping[str, Any] | None = None) -> tuple[Stage, ...]:
    """Stages from one or several; at least one, and each checked. A tuple of name and keywords is one."""
    one = isinstance(given, (str, Stage)) or (isinstance(given, tuple) and len(given) == 2
                                              and isinstance(given[1], Mapping))
    several = [given] if one else list(given) if isinstance(given, Iterable) else [given]
    stages = tuple(as_stage(one, shared) for one in several)
    if not stages:
        raise OptionError("stages", 'stages are missing; "max" would work')
    for stage in stages:
        _ = stage.pooling
    check_owned(stages, shared or {})
    return stages


def _filter_parameters(reducer: str, shared: Mapping[str, Any]) -> dict[str, Any]:
    """The shared keywords without the parameters of other reducers."""
    row = REDUCERS.get(reducer)
    own = {p.name for p in row.parameters} if row else set()
    return {name: value for name, value in shared.items() if name in own or name not in PARAMETERS}


def check_owned(stages: Iterable[Stage], shared: Mapping[str, Any]) -> None:
    """Refuse a shared parameter that none of the stages has."""
    owned = {p.name for stage in stages for p in REDUCERS[stage.reducer].parameters}
    for name in shared:
        if name in PARAMETERS and name not in owned and shared[name] not in (None, False):
            raise OptionError(name, f"{name} is a parameter of {', '.join(PARAMETERS[name])}, and none of them is "
                                    "asked for")


def _parameter_owners() -> dict[str, list[str]]:
    """Every parameter's name with the reducers that have it."""
    found: dict[str, list[str]] = {}
    for row in REDUCERS.values():
        for parameter in row.parameters:
            found.setdefault(parameter.name, []).append(row.name)
    return found


PARAMETERS = _parameter_owners()
"""Which reducers have a parameter of this name."""
