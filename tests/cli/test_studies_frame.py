"""What all studies share: what to pool with is said the same way everywhere, and ends are the program's."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

from poolcli import files, jit
from poolcli.analysis.stages import as_stages
from poolcli.cli import main, study_table
from poolcli.cli.analysis.context import Answer, StudyContext
from poolcli.cli.analysis.stage_arguments import split_arguments
from poolcli.cli.analysis.study import Study, output_option
from poolcli.cli.display import run_view
from poolcli.cli.display.study_output import make_table


def look(asked: StudyContext) -> Answer:
    """A study for these tests: what each stage makes of the file."""
    array = asked.load(asked.the_file()).array
    pooled = [stage.pooling.run(array, stage.pooling.plan(array.shape)).values for stage in asked.stages]
    if asked.output:
        asked.write(asked.output, pooled[0])
    rows = [(stage.title, str(values.shape)) for stage, values in zip(asked.stages, pooled, strict=True)]
    return Answer({"values": pooled, "titles": [stage.title for stage in asked.stages]},
                  lambda: [make_table(("stage", "shape"), rows)], ("a note",))


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> None:
    """``poolcli look``."""
    made = Study("look", "Look.", ["poolcli look x.npy"], look, usage="FILE [STAGE]...",
                 options=[output_option("Out.")])
    build = main.CommandTable.get_command
    monkeypatch.setitem(study_table.MODULES, "look", study_table.StudyRow("", ""))
    monkeypatch.setattr(main.CommandTable, "get_command",
                        lambda self, ctx, name: made.command() if name == "look" else build(self, ctx, name))


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """4 x 6 numbers from 0."""
    np.save(tmp_path / "numbers.npy", np.arange(24.0).reshape(4, 6))
    return tmp_path / "numbers.npy"


@pytest.mark.parametrize("words", [
    ("explain", "avg -k 2"), ("grad", "avg -k 2", "-o", "g.npy"), ("bounds", "avg -k 2", "--eps", "1"),
    ("compare", "avg -k 2", "max -k 2"), ("fractions", "-k", "2", "-o", "s.npy"),
    ("chain", "avg -k 2", "max -k 2", "-o", "c.npy"), ("avg", "-k", "2", "-o", "a.npy")], ids=lambda words: words[0])
def test_a_mask_that_does_not_fit_is_told_before_the_input_is_read(
    here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """By both headers: the picture itself is cut short, which only its pixels tell."""
    monkeypatch.chdir(tmp_path)
    np.save("m.npy", np.ones((3, 5), np.uint8))
    np.save("f.npy", np.ones((40, 60)))
    noise = np.random.default_rng(1).integers(0, 256, (40, 60)).astype(np.uint8)
    files.write("x.png", noise, files.ImageInfo("x.png", "PNG", mode="L"))
    Path("x.png").write_bytes(Path("x.png").read_bytes()[:600])
    operation, *rest = words
    for mask, said in (("m.npy", "--mask m.npy: the mask has the shape 3x5"), ("f.npy", "a mask is of whole numbers"),
                       ("gone.png", "--mask gone.png: cannot be read")):
        done = here(operation, "x.png", *rest, "--mask", mask)
        assert done.code == 1 and said in done.err and done.err.count("\n") == 1
    np.save("m.npy", np.ones((40, 60), np.uint8))
    assert "truncated" in here(operation, "x.png", *rest, "--mask", "m.npy").err


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("arguments", [
    ["lp --p 1 -k 2x3"], ["lp", "--p", "1", "-k", "2x3"], ["lp --p 1", "-k", "2x3", "-s", "2x3"],
    ["lp --p 1 -k 2x3 -s 2x3", "-k", "1"]])
def test_a_stage_is_said_quoted_or_by_the_commands_own_options(
    here: Call, numbers: Path, arguments: list[str]
) -> None:
    """All of these are one pooling; what a stage says itself goes before the command's options."""
    found = json.loads(here("look", numbers, *arguments, "--json").out)
    assert found["schema"] == 2 and found["study"] == "look"
    assert found["values"] == [[[24.0, 42.0], [96.0, 114.0]]]


@pytest.mark.usefixtures("study")
def test_shared_parameters_go_to_the_stages_that_have_them(here: Call, numbers: Path) -> None:
    """--p is no matter to max."""
    found = json.loads(here("look", "max", "lp", numbers, "--p", "inf", "-k", "2x3", "--json").out)
    assert found["values"][0] == found["values"][1] and found["titles"] == ["max", "lp"]


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["max --siz 3"], 2, 'stage "max --siz 3": --siz: is no option of poolcli max; --size would work'),
    (["max --p 3"], 2, 'stage "max --p 3": --p: is a parameter of lp, gem, not of max'),
    (["max -k 0"], 2, 'stage "max -k 0": --size:'),
    (["max 'x"], 2, "stage \"max 'x\": no closing quotation"),
    (["max --adaptive 3", "-k", "2"], 2, 'stage "max --adaptive 3": '),
    (["max", "--p", "3"], 2, "--p: is a parameter of lp, gem, and none of them is asked for"),
    (["max -k 99"], 1, "numbers.npy: "),
    (["other.npy"], 2, "INPUT: takes one file, not 2"),
])
def test_what_is_wrong_is_said_in_one_line(
    here: Call, numbers: Path, arguments: list[str], code: int, said: str
) -> None:
    """With the stage or the file that it is about, and the program's exit codes."""
    found = here("look", numbers, *arguments)
    assert found.code == code and found.out == ""
    assert found.err.startswith("poolcli: ") and said in found.err and found.err.count("\n") == 1


@pytest.mark.usefixtures("study")
def test_outputs_are_whole_and_inputs_are_kept(here: Call, numbers: Path) -> None:
    """An output that exists is refused, one that is the input whatever is said."""
    before = numbers.read_bytes()
    out = numbers.with_name("out.npy")
    assert here("look", numbers, "-o", out).code == 0 and np.load(out).shape == (2, 3)
    assert "exists" in here("look", numbers, "-o", out).err
    assert here("look", numbers, "-o", out, "--overwrite").code == 0
    assert "is the input" in here("look", numbers, "-o", numbers, "--overwrite").err
    assert numbers.read_bytes() == before


@pytest.mark.usefixtures("study")
def test_notes_go_to_stderr_and_quiet_is_quiet(here: Call, numbers: Path) -> None:
    """The table is on stdout."""
    found = here("look", numbers)
    assert "(2, 3)" in found.out and found.err == "poolcli: note: a note\n"
    assert here("look", numbers, "-q") == (0, "", "")


def test_a_files_name_may_be_a_reducers() -> None:
    """With ./ before it."""
    assert split_arguments(["./max", "max", "avg -k 2", "picture.png"]) == (["max", "avg -k 2"],
                                                                            ["./max", "picture.png"])


@pytest.mark.parametrize("wrong", [[], [3], [("max",)], ["most"], [("max", {"p": 3})], None])
def test_stages_in_python_are_checked(wrong: Any) -> None:
    """PoolError, whatever was given."""
    from poolcli import PoolError

    with pytest.raises(PoolError):
        as_stages(wrong)


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(("typed", "would"), [("maxx -k 2", "max would work"), ("averag", "avg would work"),
                                              ("foo -k 2", "poolcli list prints all")])
def test_a_misspelt_reducer_is_no_file(here: Call, numbers: Path, typed: str, would: str) -> None:
    """It is named as what it was meant to be; a name that a file has is that file's."""
    called = here("look", numbers, typed)
    assert (called.code, called.out) == (2, "")
    assert called.err == f"poolcli: STAGE: \"{typed}\" begins with no reducer's name; {would}\n"


@pytest.mark.usefixtures("study")
def test_a_file_may_be_called_almost_as_a_reducer(here: Call, numbers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exists is a file."""
    monkeypatch.chdir(numbers.parent)
    numbers.rename("maxx")
    assert here("look", "maxx", "-q").code == 0


@pytest.mark.parametrize("name", study_table.STUDIES)
def test_what_a_study_does_is_told_within_the_terminal(here: Call, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The words before the examples are wrapped, and one empty line follows them."""
    monkeypatch.setenv("COLUMNS", "60")
    told, _, rest = here(name, "--help").out.partition("\n\n")
    assert max(map(len, told.splitlines())) <= 60 and rest.startswith("Examples:")


WRITERS = {"compare": ["--output"], "shift": ["--output"], "grad": ["--output", "--map"], "unpool": ["--output"],
           "group": ["--output"], "bounds": ["--heat"]}
NEEDED = {"unpool": ["--spread", "nearest"], "group": ["--over", "flips"], "bounds": ["--eps", "1"]}


@pytest.mark.parametrize(("name", "option"), [(name, one) for name, several in WRITERS.items() for one in several])
@pytest.mark.parametrize(("output", "said"), [("x.xyz", "is of no known format"), ("x.zarr", "another ending would"),
                                              ("x", "the name has no ending")])
def test_outputs_of_no_format_are_refused_before_the_input_is_read(here: Call, name: str, option: str, output: str,
                                                                   said: str) -> None:
    """By the option's name, as reducers do it; the input is not even there."""
    called = here(name, "missing.npy", *NEEDED.get(name, []), option, output)
    assert called.code == 2 and called.err.startswith(f"poolcli: {option}: {output}: ") and said in called.err


@pytest.mark.parametrize(("name", "option"), [(name, one) for name, several in WRITERS.items() for one in several])
def test_outputs_that_exist_are_refused_before_the_input_is_read(here: Call, tmp_path: Path, name: str,
                                                                 option: str) -> None:
    """Nobody waits for a result that has no place; the message names options that these commands have."""
    place = tmp_path / "there.png"
    place.touch()
    called = here(name, "missing.npy", *NEEDED.get(name, []), option, place)
    assert (called.code, called.err) == (1, f"poolcli: {place}: exists; --overwrite would work\n")
    assert place.stat().st_size == 0


@pytest.mark.parametrize("name", ["page.png", "page.npy"])
def test_a_page_is_no_picture(here: Call, numbers: Path, name: str) -> None:
    """``explain -o`` writes HTML, and says so where the name promises something else."""
    called = here("explain", numbers, "-o", numbers.parent / name)
    assert called.code == 2 and "a name that ends in .html would work" in called.err
    assert not (numbers.parent / name).exists()


@pytest.mark.parametrize("name", ["pyramid", "compare", "grad"])
def test_a_file_url_is_a_path_here_too(here: Call, numbers: Path, name: str) -> None:
    """As input and as output; no folder that is called file: comes to be."""
    output = numbers.parent / "made" / "x{level}.npy" if name == "pyramid" else numbers.parent / "made" / "x.npy"
    assert here(name, numbers.as_uri(), "-q", "-o", f"file://{output}") == (0, "", "")
    assert list((numbers.parent / "made").iterdir()) and not Path("file:").exists()


def test_a_result_cannot_go_onto_the_web(here: Call, numbers: Path) -> None:
    """It is the option that is wrong, and the name is said once."""
    called = here("grad", numbers, "-o", "https://example.org/x.npy")
    assert called.code == 2 and called.err.startswith("poolcli: --output: https://example.org/x.npy")
    assert called.err.count("example.org") == 1


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("quiet", [True, False])
def test_compiling_is_told_while_it_takes_long(
    here: Call, numbers: Path, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the reducers' commands; whoever listened before listens again."""
    before = jit.announce
    monkeypatch.setattr(run_view, "COMPILING_AFTER", 0)
    monkeypatch.setattr(StudyContext, "the_file", lambda asked: tell(asked.names[0]))
    said = here("look", numbers, *(["-q"] if quiet else [])).err
    assert ("compiling a kernel ..." in said) is not quiet and jit.announce is before


def tell(name: str) -> str:
    """Something is compiled, which takes its time."""
    jit.announce("compiling a kernel")
    time.sleep(0.2)
    return name
