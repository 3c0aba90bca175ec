"""A short round of the benchmarks: every row runs on a tiny input, its result equal to the oracle's and its peers'."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
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
from benchmarks.scan import __main__ as scan_main  # noqa: E402
from benchmarks.scan import dimensions, pauses, shares, walk  # noqa: E402
from benchmarks.scan import peers as scan_peers  # noqa: E402

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
    if not {"mask", "weights"} & keywords.keys():  # test_valid_samples.py has their oracle
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


# The scan.


def planted(slow: Callable[[dimensions.Case], bool]) -> walk.Meter:
    """A meter that finds every case as fast as its work, but for some."""
    return walk.Meter(lambda case: (100 if slow(case) else 1) * (1e-3 + case.units() * 1e-9))


@pytest.fixture
def tiny_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array that is drawn is small."""
    tiny = [replace(d, weights={1 << 10: 1}, plain=lambda case: 1 << 10) if d.name == "size" else d
            for d in dimensions.DIMENSIONS]
    monkeypatch.setattr(dimensions, "DIMENSIONS", tiny)


@pytest.mark.usefixtures("tiny_space")
def test_a_scan_of_a_seed_walks_the_same_cases() -> None:
    """Few cases, with peers and the oracle: all results agree, and every comparison has a time."""
    found = [walk.walk(5, cases=3, seconds=60, meter=planted(lambda case: False)) for _ in range(2)]
    assert [one.case for one in found[0].near] == [one.case for one in found[1].near]
    assert (found[0].cases, found[0].wrong, found[0].differing, found[0].failed) == (3, [], [], [])
    assert all(one.theirs > 0 for one in found[0].peers)


def test_a_scan_measures_by_itself() -> None:
    """The meter takes the CPU time of a real call."""
    assert walk.time_by_kernels(dimensions.Case(size=1 << 12)) > 0


def test_a_scan_finds_a_planted_slow_case() -> None:
    """What is a hundred times dearer than its neighbour is a cliff, and nothing else is."""
    case = dimensions.Case("max", "uint16", memory="strided")
    found = walk.Findings()
    walk.look(case, planted(lambda case: case.memory == "strided"), (), found)
    assert {one.against for one in found.near if one.ratio >= walk.DEAR} == {"memory"}
    assert found.cliffs == 1
    walk.look(case, planted(lambda case: False), (), found)
    assert found.cliffs == 1


def test_a_scan_leaves_out_peers_that_are_not_installed() -> None:
    """They are not asked, and named at the end."""
    def refuse(case: dimensions.Case, x: np.ndarray) -> Callable[[], np.ndarray]:
        raise AssertionError("asked")

    unknown = scan_peers.Peer("unknown", "no_such_module", refuse)
    found = walk.Findings()
    walk.look(dimensions.Case(size=1 << 12), planted(lambda case: False), (unknown,), found)
    assert not found.peers


def test_a_scan_notes_a_peer_that_gives_something_else() -> None:
    """A wrong result is listed; a peer that fails does not end the walk."""
    def fail() -> np.ndarray:
        raise RuntimeError("no such dtype")

    wrong = scan_peers.Peer("wrong", "numpy", lambda case, x: lambda: case.pool(x) + 1)
    failing = scan_peers.Peer("failing", "numpy", lambda case, x: fail)
    found = walk.Findings()
    walk.look(dimensions.Case(size=1 << 12), planted(lambda case: False), (wrong, failing), found)
    assert len(found.differing) == len(found.failed) == 1
    assert [one.agrees for one in found.peers] == [False]


PEER_CASES = [
    dimensions.Case("avg", "float32", size=1 << 10), dimensions.Case("max", "float32", size=1 << 10, indices=True),
    dimensions.Case("subsample", size=1 << 10), dimensions.Case("avg", size=1 << 10, result="input"),
    dimensions.Case("median", size=1 << 10, window="3", stride="1"),
    dimensions.Case("max", "uint16", "RGB", 1 << 10, "4", "1"),
    dimensions.Case("blur", "float32", "RGB", 1 << 10, "5", "1"),
    dimensions.Case("avg", "float64", "L", 1 << 10, "5", "1"),
    dimensions.Case("std", "float32", "L", 1 << 10, "5", "1", missing="nan"),
    dimensions.Case("l2", "float32", "NCHW", 1 << 8, "3", "1"), dimensions.Case("avg", "float64", "DHW", 1 << 9),
    dimensions.Case("avg", "float32", "NCHW", 1 << 8, "adaptive"),
    dimensions.Case("min", "int16", "RGBA", 1 << 8, "global"),
    dimensions.Case("var", "float64", size=1 << 8, window="strip"),
]


@pytest.mark.parametrize("case", PEER_CASES, ids=lambda case: case.name)
def test_peers_of_a_scan_do_the_same(case: dimensions.Case) -> None:
    """Every peer that serves a case gives what poolcli gives, and some does, where all are installed."""
    found = walk.Findings()
    asked = list(walk.compared(case, planted(lambda case: False), scan_peers.PEERS, found))
    assert asked or not all(peer.here() for peer in scan_peers.PEERS if peer.needs != "tinybrain")
    assert (found.differing, found.failed) == ([], [])


def test_shares_of_a_scan_are_of_all_draws() -> None:
    """Each draw is served by some family; nothing is compiled for it."""
    assert sum(shares.shares(1, 30).values()) == 30
    assert 0 < shares.first_tier(1, 30) <= 30


def test_weights_of_a_scan_are_as_it_says() -> None:
    """2x2 and 3x3 are half of all windows, 78 % are fixed, half of all arrays are grey or RGB."""
    weights = {d.name: d.weights for d in dimensions.DIMENSIONS}
    assert weights["window"]["2"] + weights["window"]["3"] == 50
    assert sum(n for name, n in weights["window"].items() if name.isdigit()) == 78
    assert weights["layout"]["HW"] + weights["layout"]["RGB"] == 50
    assert all(sum(one.values()) == 100 for one in weights.values())


def test_a_day_of_the_scan_has_47_calls_that_plan() -> None:
    """Each can be pooled; the count is what is promised."""
    assert len(pauses.DAY) == 47
    for reducer, dtype, shape, keywords in pauses.DAY:
        pooling = poolcli.pooling.parse_pooling(reducer, **keywords)
        assert pooling.prepare(pooling.plan(shape), np.dtype(dtype)).work is not None


@pytest.mark.usefixtures("tiny_space")
def test_the_scan_prints_the_worst(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """The command: figures, tables, and the rows as JSON."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert scan_main.main(["--cases", "1", "--seed", "2", "--json", str(tmp_path / "rows.json")]) == 0
    out = capsys.readouterr().out
    assert "Seed 2: 1 cases" in out
    assert "dearest beside a neighbour" in out
    assert (tmp_path / "rows.json").read_text().startswith("[")
