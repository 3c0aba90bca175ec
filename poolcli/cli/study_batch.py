"""A study of many files, as a batch: each by itself, with its own outputs, its own report, and its own failure."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from ..core.memory_budget import begin_job
from ..errors import LayoutError, OptionError, PoolError
from ..redact import printable
from . import options, stdio
from .analysis.context import STDIO, Answer, FileError, StudyContext, file_errors
from .display.study_output import FAILED, print_answer
from .error_messages import USAGE, check_stop
from .inputs import find_lists, read_inputs
from .layout_hints import explain_layout

_OPTIONS = ("skip_existing", "recursive", "include", "exclude", "files_from", "files_from0", "jobs", "fail_fast")
"""Those of reducers' commands that are about many files."""
NameOutputs = Callable[[StudyContext], Sequence[str]]
"""From what was asked of one file to the names of its outputs, which need not be free."""


def batch_options() -> list[click.Option]:
    """The options that are about many files."""
    return [one for one in options.files() if one.name in _OPTIONS]


@dataclass(frozen=True)
class _Outcome:
    """What became of one file."""

    input: str
    answer: Answer | None = None
    error: PoolError | None = None
    cause: Exception | None = None
    """What --debug shows of the error."""
    stops: bool = False
    """Whether every next file would fail too."""
    skipped: str | None = None
    """The output that is there already."""

    def to_data(self) -> dict[str, Any]:
        """It as a part of the JSON document."""
        if self.answer is not None:
            return {"status": "ok", **vars(self.answer.data), "notes": self.answer.notes}
        if self.error is not None:
            return {"status": "failed", "input": self.input, "error": str(self.error)}
        return {"status": "skipped", "input": self.input, "output": self.skipped}


def is_batch(asked: StudyContext) -> bool:
    """Whether more than one file may be meant, or an option says so."""
    from ..batch.settings import is_folder

    given = asked.given
    one_file = len(asked.names) == 1 and not is_folder(asked.names[0])
    return bool(find_lists(given)) or (bool(asked.names) and (not one_file or bool(given["skip_existing"])))


def run_batch(study: str, operation: str, asked: StudyContext, answer: Callable[[StudyContext], Answer],
              name_outputs: NameOutputs) -> int:
    """Lay down all outputs, do each file, print what it gave; the exit code. ``operation`` is what outputs are named
    after."""
    from ..files.paths.collisions import check_targets
    from .reducer_command import share_cores

    every = list(_list_files(operation, asked))
    check_targets([(one.source, target) for one in every if one.problem is None for target in name_outputs(one.asked)])
    code, data = 0, []
    outcomes = _run_all(every, answer, name_outputs, share_cores(asked.given["jobs"], len(every)))
    for done in outcomes:
        code = max(code, _print_outcome(study, done, asked))
        data.append(done.to_data())
        if done.stops or (done.error is not None and asked.given["fail_fast"]):
            outcomes.close()
            break
    if asked.given["as_json"]:
        code = max(code, print_answer(study, Answer({"files": data}, list), asked.given))
    return code


@dataclass(frozen=True)
class _StudyFile:
    """One file, and what is asked of it."""

    source: str
    asked: StudyContext
    problem: str | None = None
    """Why there is nothing to ask."""


def _list_files(operation: str, asked: StudyContext) -> Iterator[_StudyFile]:
    """The files that the names stand for; what lies below a folder goes into as many folders below the output's."""
    from ..batch import Settings, plan_jobs
    from ..files.paths import output_paths
    from ..files.paths.globs import Globs

    given = asked.given
    output = asked.output
    settings = Settings(output=output, recursive=given["recursive"], globs=Globs(given["include"], given["exclude"]))
    if output == STDIO:
        raise OptionError("output", "takes one result, and there are several; a FOLDER/ would work")
    planned = plan_jobs(read_inputs(asked.names, given), _Operation(operation), settings)
    for lot in planned.lots:
        for source in lot.sources():
            below = "" if lot.root is None else source[len(lot.root):].rpartition("/")[0]
            into = output
            if output is not None and output_paths.is_folder(output):
                into = f"{output.rstrip('/')}/{below}/" if below else output
            one = replace(asked, names=(source,), given={**given, "output": into}, read=[])
            yield _StudyFile(source, one, lot.problem)
    if not given["quiet"]:
        for name, reason in planned.notes:
            stdio.print_error(f"note: {printable(name)}: {printable(reason)}")


@dataclass(frozen=True)
class _Operation:
    """What is done, as outputs are named after it."""

    name: str


def _run_all(every: Sequence[_StudyFile], answer: Callable[[StudyContext], Answer], name_outputs: NameOutputs,
             workers: int) -> Generator[_Outcome]:
    """Do the files side by side; outcomes in their order, and not many of them at once."""
    from ..batch.executors.local import make_local_executor
    from ..chunked.executors import OrderedResults

    results = OrderedResults(make_local_executor(partial(_run_one, answer=answer, name_outputs=name_outputs), workers))
    try:
        yield from results.run(every)
    finally:
        for _ in results.finish():
            pass  # nobody asks for what had begun when the first failure ended the run


def _run_one(one: _StudyFile, answer: Callable[[StudyContext], Answer], name_outputs: NameOutputs) -> _Outcome:
    """One file; whatever goes wrong with it is its own."""
    if one.problem is not None:
        return _Outcome(one.source, error=PoolError(one.problem))
    try:
        targets = name_outputs(one.asked)
        if one.asked.given["skip_existing"] and all(map(os.path.lexists, targets)):
            return _Outcome(one.source, skipped=targets[0])
        with begin_job(), file_errors(one.source):
            return _Outcome(one.source, answer(one.asked))
    except (OptionError, click.UsageError, BrokenPipeError):
        raise
    except FileError as failure:
        return _fail(one.source, failure.error, f"{failure.name}: " if failure.name != one.source else "")
    except Exception as error:
        return _fail(one.source, error)


def _fail(source: str, error: Exception, named: str = "") -> _Outcome:
    """What an error made of a file; ``named`` is another file that it is about."""
    from ..batch.job_runner import describe_error, is_disk_full

    said = error if isinstance(error, LayoutError) else PoolError(f"{named}{describe_error(error)}")
    return _Outcome(source, error=said, cause=error, stops=is_disk_full(error))


def _print_outcome(study: str, done: _Outcome, asked: StudyContext) -> int:
    """Print what became of a file, where the document does not say it; its exit code."""
    if done.error is not None:
        check_stop()
        if done.cause is not None and options.wants_debug():
            stdio.print_traceback(done.cause)
        unclear = isinstance(done.error, LayoutError)
        said = explain_layout(done.error) if isinstance(done.error, LayoutError) else printable(str(done.error))
        stdio.print_error(f"{printable(done.input)}: {said}")
        return USAGE if unclear else FAILED
    if asked.given["as_json"]:
        return 0
    if done.answer is not None:
        return print_answer(study, done.answer, asked.given)
    if not asked.given["quiet"]:
        stdio.print_error(f"note: {printable(done.input)}: passed over, {printable(str(done.skipped))} exists")
    return 0
