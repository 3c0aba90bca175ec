"""A short round of the benchmarks: every row runs on a tiny input, its result equal to the oracle's and its peers'."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import reference

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the benchmarks are no part of the package

import poolcli  # noqa: E402
from benchmarks import cases, commands, curves, exactness, folder, photographs, run, table  # noqa: E402
from benchmarks.measure import Budget, Line, race  # noqa: E402
from benchmarks.peers import PEERS, Ask, Peer  # noqa: E402

ONCE = Budget(rounds=1, seconds=0)
TINY = [case.scaled(kept=5, divide=1e9) for case in cases.CASES]
LINE = Line("small windows", "max 2x2/2", 2.0, "copy", 1.0, 2.0, 1.0)


def distinct(rows: list[cases.Case]) -> list[cases.Case]:
    """Rows that are the same once they are tiny, once."""
    return list({(case.name, str(case.options), case.threads): case for case in rows}.values())


@pytest.mark.parametrize("case", distinct(TINY), ids=lambda case: f"{case.group}: {case.name}")
def test_a_row_pools_what_the_oracle_and_its_peers_pool(case: cases.Case) -> None:
    """Peers that are not installed are passed over; a peer that gives something else is found."""
    x = case.data.make()
    keywords = case.keywords(case.options)
    got = poolcli.pool(x, case.reducer, **keywords)
    reference.assert_agrees(got, reference.pool(x, case.reducer, **keywords), x, case.reducer)
    found = list(run.lines(case, ONCE))
    assert found
    assert not [line.rival for line in found if line.note]


def test_every_rival_is_a_peer() -> None:
    """A name that no row uses, or that no peer has, is a slip."""
    assert {rival.peer for case in cases.CASES for rival in case.rivals} == set(PEERS)


def test_every_small_window_of_the_targets_has_a_row() -> None:
    """Three reducers, two windows, three dtypes, five layouts: each against a copy."""
    rows = {case.name for case in cases.CASES if case.group == "small windows" and case.rivals[0].peer == "copy"}
    assert len(rows) == 3 * 2 * 3 * 5 + 2


@pytest.mark.parametrize("group", cases.GROUPS)
def test_every_group_has_telling_rows_and_targets(group: str) -> None:
    """The default run says something of every line of the targets."""
    rows = [case for case in cases.chosen(every=False, only=group + ":") if case.group == group]
    assert [rival for case in rows for rival in case.rivals if rival.target is not None]


def test_targets_that_rest_on_an_argument_state_it() -> None:
    """The best that can be argued is written down."""
    assert all(case.why for case in cases.CASES if case.group == "arithmetic")


def test_runners_take_turns_and_the_least_time_counts() -> None:
    """A B A B, after one turn to warm up; a short run follows one that does not count."""
    turns: list[str] = []
    least = race({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, Budget(2, 1.0))
    assert turns == ["a", "b"] + ["a", "a", "b", "b"] * 2
    assert min(least.values()) >= 0


def test_a_wrong_result_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that pools something else does not pass for one that is faster."""
    def wrong(ask: Ask) -> Callable[[], np.ndarray]:
        return lambda: ask.result + 1

    monkeypatch.setattr(run, "PEERS", {**PEERS, "copy": Peer(wrong)})
    case = next(case for case in TINY if case.rivals[0].peer == "copy")
    assert [line.note for line in run.lines(case, ONCE) if line.rival == "copy"] == [run.DIFFERS]


def test_global_sums_do_not_drift() -> None:
    """10^6 samples here, 10^8 in the table: within 1 ulp."""
    assert all(line.met for line in exactness.lines(10**6))


def test_the_table_says_what_is_missed() -> None:
    """A line over its target is marked, and listed at the end."""
    text = "\n".join(table.rows([LINE]))
    assert "| max 2x2/2 | 2 ms | copy | 1 | 2 | <= 1 | **no** |" in text
    assert table.summary([LINE])[0] == "0 of 1 targets met."


def test_figures_go_between_the_marks(tmp_path: Path) -> None:
    """What stands around them stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(page, "new")
    assert page.read_text() == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"


def test_the_page_has_a_place_for_figures() -> None:
    """``--write`` would otherwise lose the end of BENCHMARKS.md."""
    text = (ROOT / "BENCHMARKS.md").read_text()
    assert text.count(table.BEGIN) == text.count(table.END) == 1


def test_whole_processes_run(tmp_path: Path) -> None:
    """What is timed ends well: the start of the program, and both ways to pool a small picture."""
    commands.prepare(tmp_path, large=(32, 48))
    for command in commands.starts(tmp_path):
        assert subprocess.run(command.ours, cwd=ROOT, capture_output=True).returncode == 0
    assert [line.group for line in [commands.compared(command, ONCE)]] == [commands.GROUP]


def test_image_programs_write_a_picture(tmp_path: Path) -> None:
    """Each program that is installed does what its row says: a picture of poolcli's size."""
    from PIL import Image

    commands.prepare(tmp_path, large=(32, 48))
    for command in commands.beside(tmp_path):
        sizes = []
        for words in (command.ours, command.theirs):
            commands.process(words)()
            (written,) = tmp_path.glob("out.*")
            with Image.open(written) as picture:
                sizes.append(picture.size)
            written.unlink()
        assert sizes[0] == sizes[1], command


def test_a_folder_is_halved_by_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rival that is installed writes every photograph; drawn again they are the same to the last bit."""
    monkeypatch.chdir(ROOT)
    photographs.make(tmp_path, 2, sizes=((64, 48), (48, 64)))
    assert [one.tobytes() for one in photographs.photographs(1, ((64, 48),))] == [
        one.tobytes() for one in photographs.photographs(1, ((64, 48),))]
    for kind in folder.KINDS[1:]:
        lines = list(folder.compared(kind, tmp_path, turns=1))
        assert {"Pillow loop", "Pillow, 2 processes"} <= {line.rival for line in lines}


def test_curves_are_drawn(tmp_path: Path) -> None:
    """Four panels from Pillow alone."""
    from PIL import Image

    panel = curves.Curves("Title", "x", "y", {"one": [(1, 2.0), (10, 3.0)], "other": [(1, 0.5)]})
    curves.draw([panel] * 4, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (2 * curves.WIDTH, 2 * curves.HEIGHT)
        assert len(picture.getcolors(1 << 20) or []) > 4
        assert picture.getpixel((0, 0))[3] == 0
