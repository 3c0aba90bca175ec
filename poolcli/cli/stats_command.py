"""``poolcli stats``: several reducers over the same windows of each file, which is read once."""

from __future__ import annotations

from typing import Any

import click

from ..analysis.stages import check_owned
from ..core.reducers import check_weighted
from ..errors import OptionError
from . import options
from .analysis import stage_arguments
from .analysis.chain_command import NOT_FOR_SEVERAL, SAMPLES
from .analysis.study import collect_keywords, parameter_options
from .reducer_command import SectionedCommand, share_cores

_NAME = "stats"


def _run_stats_command(arguments: tuple[str, ...], stacked: bool, **given: Any) -> int:
    """Parse, plan, pool, report."""
    typed, named = stage_arguments.split_arguments(arguments)
    if not typed:
        raise OptionError("STAGE", 'is missing; poolcli stats max avg "quantile --q 0.95" image.png would work')
    shared = collect_keywords(given)
    stages = tuple(stage_arguments.parse_stage(text, shared) for text in typed)
    check_owned(stages, shared)

    from ..batch.run_stats import StatsPlan, StatsRun
    from . import validate
    from .display import run_view
    from .inputs import expand_globs, read_inputs

    given = {**given, **NOT_FOR_SEVERAL}
    if given.get("weights") is not None:
        for stage in stages:
            check_weighted(stage.pooling.reducer)
    inputs = expand_globs(named)
    settings = validate.make_settings(inputs, None, given)
    planned = StatsPlan(read_inputs(inputs, given), stages, settings, stacked)
    settings = run_view.choose_statistics(given, settings, len(planned))
    running = StatsRun(planned, stages, options.default_layouts(), settings, share_cores(given["jobs"], len(planned)))
    return run_view.show_run(running, planned, given, settings)


def _option_sections() -> list[tuple[str, list[click.Option]]]:
    """The options by what they are about."""
    files = [one for one in options.files() if one.name not in NOT_FOR_SEVERAL]
    output = next(one for one in files if one.name == "output")
    output.help = ("A FOLDER/, or a pattern with {reducer}, {stem}, {ext}, {parent}. Default: {stem}_{reducer}{ext} "
                   "beside the input; of --stack a file too, {stem}_stats{ext} by default.")
    own = [options.flag("--stack", "stacked", help="The results as channels of one file, in this order, in the type "
                                                   "that holds each of them.")]
    return [("Results", own),
            ("Of every reducer that does not say it itself", [*options.windows(), *options.values(),
                                                              *parameter_options()]),
            ("Which samples count", [one for one in options.valid_samples() if one.name in SAMPLES]),
            ("Files", files),
            ("Pictures", [one for one in options.pictures() if one.name not in NOT_FOR_SEVERAL]),
            ("Report", options.report())]


command = SectionedCommand(
    _NAME, "Several reducers over the same windows: each file is read and decoded once.",
    ["poolcli stats max avg -k 10 image.png", 'poolcli stats max avg "quantile --q 0.95" count -k 10 dem.tif -o out/',
     "poolcli stats min avg max -k 2 --stack fmap.npy -o three.npy",
     "poolcli stats avg count -k 10 dem.tif --mask clear.tif -o out/"],
    _option_sections(),
    params=[click.Argument(["arguments"], nargs=-1, type=options.path(), metavar="REDUCER... INPUT...")],
    callback=_run_stats_command)
