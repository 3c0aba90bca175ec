"""Words of other libraries, and misspelt ones, are answered with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

import poolcli
from poolcli.cli import error_messages, main
from poolcli.core import choices, pool_options
from poolcli.core.reducers import REDUCERS, suggest_reducers

WORDS = {"mean": "avg", "average": "avg", "mean_pool": "avg", "maximum": "max", "minimum": "min", "avgpool": "avg",
         "maxpool": "max", "AvgPool2d": "avg", "adaptive_avg_pool2d": "avg", "global_average_pool": "avg",
         "MaxPool3D": "max", "variance": "var", "percentile": "quantile", "logsumexp": "lse", "maxx": "max"}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_for_a_reducer(here: Call, word: str) -> None:
    """One right answer, from the command line, in a stage, and in Python."""
    assert here(word, "x.png").err == f"poolcli: {word}: no such command; {WORDS[word]} would work\n"
    with pytest.raises(poolcli.PoolError, match=f"; {WORDS[word]} would work"):
        poolcli.pool(np.zeros(4), word)
    assert f"{WORDS[word]} would work" in here("chain", f"{word} -k 2", "x.png").err


def test_aliases_are_of_one_reducer_and_no_name() -> None:
    """None leads to two reducers, or hides one."""
    words = [word for row in REDUCERS.values() for word in row.aliases]
    assert len(set(words)) == len(words) and not set(words) & {*REDUCERS, *main.MODULES}
    assert all(suggest_reducers(word) == [row.name] for row in REDUCERS.values() for word in row.aliases)
    known = {*pool_options.Keywords.__annotations__, "out", "return_indices"}
    assert set(choices.KEYWORDS.values()) <= known and not set(choices.KEYWORDS) & known


@pytest.mark.parametrize(("arguments", "answer"), [
    (["max", "--kernel", "3"], "--size"), (["max", "--kernel-size", "3"], "--size"), (["max", "--ksize=3"], "--size"),
    (["max", "--mode", "same"], "--padding same"), (["max", "--mode=valid"], "--padding valid"),
    (["max", "--mode", "reflect"], "--pad-mode reflect"), (["unpool", "--shape", "3x3"], "--output-shape"),
    (["max", "--pads", "1"], "--padding"), (["max", "--ceil-mode"], "--ceil"), (["max", "--workers", "3"], "--jobs"),
    (["max", "--no-color"], "--color=never"), (["max", "--force"], "--overwrite"), (["max", "--sise", "3"], "--size")])
def test_a_word_for_an_option(here: Call, arguments: list[str], answer: str) -> None:
    """The option that this command has."""
    assert here(*arguments, "x.png") == (2, "", f"poolcli: {arguments[1].partition('=')[0]}: is no option of poolcli "
                                                f"{arguments[0]}; {answer} would work\n")
    assert all(name.startswith("--") for name in error_messages.OPTIONS.values())


@pytest.mark.parametrize(("word", "answer"), [
    ("ceil", "ceil_mode"), ("kernel_size", "size"), ("paddding", "padding"),
    ("return_index", "return_indices"), ("data_format", "layout")])
def test_a_word_for_a_keyword(word: str, answer: str) -> None:
    """In Python."""
    with pytest.raises(poolcli.PoolError, match=f"^there is no option {word}; {answer} would work$"):
        poolcli.pool(np.zeros(4), **{word: 1})


class Odd:
    """Refuses to be an array, in its own way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyError("x"), ZeroDivisionError(), OSError(5, "io")], ids=repr)
def test_a_conversion_that_fails(error: Exception) -> None:
    """Is a PoolError, whatever it raises."""
    with pytest.raises(poolcli.PoolError, match="not an array") as caught:
        poolcli.pool(Odd(error))
    assert caught.value.__cause__ is error


def test_tensors_that_numpy_does_not_take() -> None:
    """With what would work."""
    torch = pytest.importorskip("torch")
    with pytest.raises(poolcli.PoolError, match=r"x\.detach\(\) would work"):
        poolcli.pool(torch.zeros(4, requires_grad=True))
    with pytest.raises(poolcli.PoolError, match=r"x\.float\(\) would work"):
        poolcli.pool(torch.zeros(4, dtype=torch.bfloat16))


def test_bfloat16(here: Call, tmp_path: Path) -> None:
    """Has a name, as an array and as a file."""
    halves = np.zeros((4, 4), "V2")
    with pytest.raises(poolcli.PoolError, match=r"bfloat16 cannot be pooled; x\.astype"):
        poolcli.pool(halves)
    np.save(tmp_path / "x.npy", halves)
    called = here("max", tmp_path / "x.npy")
    assert called.code == 1 and "bfloat16" in called.err and "would work" in called.err
