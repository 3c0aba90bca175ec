"""Reports: statistics against plain arithmetic, the document against its schema, previews, exit codes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli import batch, files, report
from poolcli.pooling import parse_pooling
from poolcli.report import FileReport, Report, Stats, statistics

SCHEMA = json.loads((Path(report.__file__).parent / "schema.json").read_text(encoding="utf-8"))
LINE, ROW = ({"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]} for name in ("line", "row"))
NAN, INF = float("nan"), float("inf")


def document(*files: FileReport) -> Any:
    """What --json would print, read again."""
    text = report.JSON_START + report.JSON_BETWEEN.join(map(report.json_text, files)) + report.JSON_END
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


# Statistics.


def exact(values: list[Any]) -> Stats:
    """By fractions."""
    mean = float(sum(map(Fraction, values)) / len(values))
    return Stats(min(values), mean, max(values))


ARRAYS: list[tuple[str, Any, Stats]] = [
    ("bool", np.array([True, False, True, True]), Stats(0, 0.75, 1)),
    ("uint8 beyond its sum", np.full(1000, 255, np.uint8), Stats(255, 255.0, 255)),
    ("int8", np.array([-128, 127], np.int8), Stats(-128, -0.5, 127)),
    ("int64 beyond its sum", np.full(3, 2**63 - 1), Stats(2**63 - 1, 2.0**63, 2**63 - 1)),
    ("uint64", np.array([2**64 - 1, 0], np.uint64), Stats(0, 2.0**63, 2**64 - 1)),
    ("float16 beyond its sum", np.full(4, 65504, np.float16), Stats(65504.0, 65504.0, 65504.0)),
    ("float64 beyond its sum", np.full(4, 1.5e308), Stats(1.5e308, 1.5e308, 1.5e308)),
    ("infinities", np.array([-INF, 0, INF]), Stats(-INF, NAN, INF)),
    ("NaN", np.array([1, NAN, 3]), Stats(NAN, NAN, NAN)),
    ("big-endian", np.array([1, 2, 6], ">f4"), Stats(1.0, 3.0, 6.0)),
    ("Fortran order", np.asfortranarray(np.arange(6).reshape(2, 3)), Stats(0, 2.5, 5)),
    ("strided", np.arange(24).reshape(4, 6)[::2, ::-3], Stats(2, 9.5, 17)),
    ("empty", np.zeros((0, 3)), Stats(None, None, None)),
    ("one", np.array([7], np.int16), Stats(7, 7.0, 7)),
]


def same(one: Stats, other: Stats) -> bool:
    """Equal, NaN being NaN, and of Python's own types, which JSON can write."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("min", "mean", "max")]
    return all(type(a) is type(b) and (a == b or (a != a and b != b)) for a, b in pairs)


@pytest.mark.parametrize(("name", "array", "stats"), ARRAYS, ids=[name for name, _, _ in ARRAYS])
def test_statistics(name: str, array: Any, stats: Stats) -> None:
    """Of every kind of array; warnings are errors."""
    assert same(report.measure_samples(array), stats), report.measure_samples(array)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_means_of_integers_are_exact(values: list[int]) -> None:
    """Against fractions, in blocks of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "BLOCK", 28)
        assert report.measure_samples(np.array(values, np.uint32)) == exact(values)


@pytest.mark.parametrize("shape", [(50,), (5, 10), (2, 5, 5)])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_blocks_are_all_of_the_array_once(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], order: str) -> None:
    """Whatever its memory looks like."""
    monkeypatch.setattr(statistics, "BLOCK", 64)
    array = np.arange(50).reshape(shape)
    array = {"C": array, "F": np.asfortranarray(array), "strided": np.repeat(array, 2, axis=-1)[..., ::2]}[order]
    blocks = list(statistics.blocks(array))
    assert sorted(np.concatenate([block.reshape(-1) for block in blocks])) == list(range(50))
    assert max(block.size for block in blocks) <= 8


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("size", [1, 255, 257, 300_001])
def test_sums_of_narrow_integers_are_exact(dtype: str, size: int) -> None:
    """They are taken in twice the width at first: the extremes fill it to the brim."""
    for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
        assert report.measure_samples(np.full(size, value, dtype)).mean == value


def test_missing_samples_do_not_count() -> None:
    """--nan ignore and --nodata; nothing left is no number."""
    array = np.array([1, NAN, -9999, 3])
    assert report.measure_samples(array, skip_nan=True, nodata=-9999) == Stats(1.0, 2.0, 3.0)
    assert report.measure_samples(np.array([1, NAN]), nodata=NAN) == Stats(1.0, 1.0, 1.0)
    assert report.measure_samples(np.array([NAN]), skip_nan=True) == Stats(None, None, None)
    assert report.measure_samples(np.array([0, 5, 0], np.uint8), nodata=0) == Stats(5, 5.0, 5)


# The document.


def pooled(tmp_path: Path, array: Any, reducer: str = "max", **options: Any) -> FileReport:
    """The report of a real run over an array."""
    np.save(tmp_path / "x.npy", array)
    job = batch.Job(str(tmp_path / "x.npy"), tmp_path / "y.npy", files.format_of(tmp_path / "y.npy"))
    return batch.run_job(job, parse_pooling(reducer, **options), batch.Settings(overwrite=True))


RUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("max", {}, {"count": [2, 3], "size": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]], "dilation": [1, 1],
                 "ceil": False, "pad_mode": "exclude"}),
    ("avg", {"size": (3, 2), "stride": 1, "padding": ((1, 0), (0, 1)), "dilation": (1, 2), "ceil_mode": True},
     {"count": [3, 5], "size": [3, 2], "stride": [1, 1], "padding": [[1, 0], [0, 1]], "dilation": [1, 2],
      "ceil": True, "pad_mode": "exclude"}),
    ("max", {"size": 3, "stride": 2, "padding": "same"},
     {"count": [2, 3], "size": [3, 3], "stride": [2, 2], "padding": [[0, 1], [0, 1]], "dilation": [1, 1],
      "ceil": False, "pad_mode": "exclude"}),
    ("max", {"size": 3, "padding": 1, "pad_mode": "constant", "pad_value": -1.5},
     {"count": [2, 2], "size": [3, 3], "stride": [3, 3], "padding": [[1, 1], [1, 1]], "dilation": [1, 1],
      "ceil": False, "pad_mode": "constant", "pad_value": -1.5}),
    ("max", {"size": "all"}, {"count": [1, 1], "size": [4, 6]}),
    ("max", {"size": (1, "all")},
     {"count": [4, 1], "size": [1, 6], "stride": [1, 6], "padding": [[0, 0], [0, 0]], "dilation": [1, 1],
      "ceil": False, "pad_mode": "exclude"}),
    ("max", {"adaptive": (3, "all")}, {"count": [3, 6], "adaptive": [3, 6]}),
    ("max", {"fractional": "1.3", "seed": 4},
     {"count": [3, 4], "fractional": [1.3, 1.3], "size": None, "overlapping": False, "random": False, "seed": 4}),
    ("max", {"fractional": ("1.5", "2"), "u": "0.3", "overlapping": True},
     {"count": [2, 3], "fractional": [1.5, 2.0], "size": None, "overlapping": True, "random": False, "u": 0.3}),
    ("max", {"fractional": "1.5", "size": 2, "random": True},
     {"count": [2, 4], "fractional": [1.5, 1.5], "size": [2, 2], "overlapping": False, "random": True, "seed": 0}),
]


@pytest.mark.parametrize(("reducer", "options", "windows"), RUNS)
def test_windows_are_in_the_document(tmp_path: Path, reducer: str, options: dict[str, Any],
                                     windows: dict[str, Any]) -> None:
    """Of every windowing, a value for each axis, and the schema knows them."""
    found = document(pooled(tmp_path, np.arange(24.0).reshape(4, 6), reducer, **options))
    jsonschema.validate(found, SCHEMA)
    assert found["files"][0]["windows"] == windows


PARAMETERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("max", {}, {}),
    ("avg", {}, {"count_include_pad": False, "divisor": None}),
    ("avg", {"count_include_pad": True, "divisor": 3}, {"count_include_pad": True, "divisor": 3}),
    ("lp", {"p": INF}, {"p": "inf"}),
    ("stochastic", {"seed": 9}, {"expected": False, "seed": 9}),
    ("stochastic", {"expected": True}, {"expected": True}),
    ("max", {"nan": "ignore", "nodata": -1, "dtype": "int16", "round": "floor"},
     {"nan": "ignore", "nodata": -1, "dtype": "int16", "round": "floor"}),
]


@pytest.mark.parametrize(("reducer", "options", "parameters"), PARAMETERS)
def test_parameters_are_in_the_document(tmp_path: Path, reducer: str, options: dict[str, Any],
                                        parameters: dict[str, Any]) -> None:
    """The reducer's own, the seed of its draws, and value options that were given."""
    found = document(pooled(tmp_path, np.arange(24.0).reshape(4, 6), reducer, **options))
    jsonschema.validate(found, SCHEMA)
    assert found["files"][0]["parameters"] == parameters


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float64"])
def test_a_whole_document(tmp_path: Path, dtype: str) -> None:
    """Every field of a small run."""
    array = (np.arange(35).reshape(5, 7) % 2).astype(dtype)
    done = pooled(tmp_path, array)
    found = document(done)
    jsonschema.validate(found, SCHEMA)
    (file,) = found["files"]
    assert file.pop("seconds") > 0
    assert file == {
        "input": str(tmp_path / "x.npy"), "output": str(tmp_path / "y.npy"), "status": "ok", "error": None,
        "reducer": "max", "parameters": {}, "windowing": "fixed", "layout": "HW", "windows": file["windows"],
        "input_shape": [5, 7], "output_shape": [2, 3], "input_dtype": dtype, "output_dtype": dtype,
        "uncovered": {"H": 1, "W": 1}, "place": None, "input_stats": {"min": 0, "mean": 17 / 35, "max": 1},
        "output_stats": {"min": 1, "mean": 1, "max": 1}, "values": [[1, 1, 1], [1, 1, 1]], "notes": [],
    }
    assert done.coverage == pytest.approx(4 / 5 * 6 / 7)


def test_numbers_that_json_has_not(tmp_path: Path) -> None:
    """NaN and infinities are strings, in values and in statistics."""
    (file,) = document(pooled(tmp_path, np.array([1, NAN, INF, 2, -INF, -INF])))["files"]
    assert file["values"] == ["nan", "inf", "-inf"]
    assert file["output_stats"] == {"min": "nan", "mean": "nan", "max": "nan"}
    jsonschema.validate(document(pooled(tmp_path, np.array([INF, INF]))), SCHEMA)


def test_a_large_result_is_not_in_the_document(tmp_path: Path) -> None:
    """1,024 values are, 1,025 are not; an empty result is."""
    assert pooled(tmp_path, np.zeros(1024), size=1).values is not None
    assert pooled(tmp_path, np.zeros(1025), size=1).values is None
    empty = document(pooled(tmp_path, np.zeros((0, 4, 4, 2)), layout="NHWC"))
    jsonschema.validate(empty, SCHEMA)
    assert (empty["files"][0]["values"], empty["files"][0]["output_shape"]) == ([], [0, 2, 2, 2])


def test_failed_files_are_in_the_document(tmp_path: Path) -> None:
    """With their reason, and nothing made up."""
    done = batch.run_job(batch.Job("missing\udcff.npy", tmp_path / "y.npy"), parse_pooling("max"), batch.Settings())
    found = document(done)
    jsonschema.validate(found, SCHEMA)
    (file,) = found["files"]
    assert (file["input"], file["status"]) == ("missing\udcff.npy", "failed")
    assert (file["error"], file["windows"]) == ("cannot be read: No such file or directory", None)


@pytest.mark.parametrize("changed", [
    {"status": "done"}, {"surplus": 1}, {"values": [None]}, {"status": "failed", "error": None}, {"error": "why"},
    {"windows": {"count": [0]}}, {"seconds": -1},
])
def test_the_schema_refuses_what_is_wrong(tmp_path: Path, changed: dict[str, Any]) -> None:
    """It would be no test otherwise."""
    found = document(pooled(tmp_path, np.arange(4.0)))
    found["files"][0].update(changed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_the_schema_has_every_field(tmp_path: Path) -> None:
    """And asks for each."""
    file = SCHEMA["$defs"]["fields"]
    assert list(file["properties"]) == file["required"] == list(document(FileReport("", None, "ok"))["files"][0])
    assert SCHEMA["properties"]["schema"]["const"] == report.SCHEMA


def awkward(tmp_path: Path) -> list[FileReport]:
    """Reports of a good file, one with numbers that are none, a failed one, and one with a name that hurts."""
    good = pooled(tmp_path, np.arange(24.0).reshape(4, 6))
    hurts = replace(good, input='a\nb,"\x1b[31m;\udcff.npy', notes=("one", "two"))
    return [good, pooled(tmp_path, np.array([INF, -INF, NAN, NAN])), hurts,
            batch.run_job(batch.Job("missing.npy", tmp_path / "z.npy"), parse_pooling("lp"), batch.Settings())]


def test_a_line_is_a_document_of_its_own(tmp_path: Path) -> None:
    """Of --jsonl: the file's part of the document and the schema's number, on one line whatever its name."""
    files = awkward(tmp_path)
    for file in files:
        line = report.json_line(file)
        assert line.endswith("}\n") and line.count("\n") == 1
        jsonschema.validate(json.loads(line), LINE)
        assert json.loads(line) == {"schema": 2} | document(file)["files"][0]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(line) | {"surplus": 1}, LINE)


def test_comma_separated_values_keep_to_the_schema(tmp_path: Path) -> None:
    """Its columns are the schema's, in order; a line for each file; numbers, shapes and parts can be read again."""
    files = awkward(tmp_path)
    text = report.csv_head() + "".join(map(report.csv_line, files))
    assert text.count("\n") == 1 + len(files) and "\x1b" not in text and text.isascii()
    columns = SCHEMA["$defs"]["row"]
    rows = list(csv.DictReader(StringIO(text)))
    assert list(rows[0]) == list(columns["properties"]) == columns["required"]
    for row in rows:
        jsonschema.validate(row, ROW)
    good, odd, hurts, missing = rows
    assert (good["input_shape"], good["output_stats_max"], good["status"]) == ("4x6", "23.0", "ok")
    assert json.loads(good["windows"])["size"] == [2, 2]
    assert (odd["output_stats_min"], odd["input_stats_max"]) == ("nan", "nan")
    assert (hurts["input"], hurts["notes"]) == ('a\\nb,"\\x1b[31m;\\udcff.npy', "one; two")
    assert (missing["error"], missing["input_shape"]) == ("cannot be read: No such file or directory", "")


@pytest.mark.parametrize(("statuses", "code"), [
    ([], 4), (["ok"], 0), (["skipped"], 0), (["failed"], 1), (["ok", "failed"], 3), (["skipped", "failed"], 3),
    (["failed", "failed"], 1), (["ok", "skipped"], 0),
])
def test_exit_codes(statuses: list[Any], code: int) -> None:
    """A property of the whole."""
    assert Report.of(FileReport("x", None, status) for status in statuses).exit_code == code


# Previews.


def rows(array: Any, letters: str) -> dict[str, list[str]]:
    """A preview as lines under labels."""
    return {one.label: [" | ".join(row) for row in one.rows] for one in report.cut_planes(np.asarray(array), letters)}


def test_a_small_map_is_shown_whole() -> None:
    """Up to 7 by 7; numbers in six digits, as the mean of two 16-bit numbers needs."""
    assert rows([[1.23456789, np.nan], [1e-9, 32767.5]], "HW") == {"": ["1.23457 | nan", "1e-09 | 32767.5"]}
    assert rows(np.zeros((7, 7)), "HW") == {"": ["0 | 0 | 0 | 0 | 0 | 0 | 0"] * 7}
    assert rows([True, False], "L") == {"": ["1 | 0"]}


def test_a_large_map_is_shown_by_its_corners() -> None:
    """Three at each end."""
    assert rows(np.arange(800).reshape(8, 100), "HW") == {"": [
        "0 | 1 | 2 | ... | 97 | 98 | 99", "100 | 101 | 102 | ... | 197 | 198 | 199",
        "200 | 201 | 202 | ... | 297 | 298 | 299", "... | ... | ... | ... | ... | ... | ...",
        "500 | 501 | 502 | ... | 597 | 598 | 599", "600 | 601 | 602 | ... | 697 | 698 | 699",
        "700 | 701 | 702 | ... | 797 | 798 | 799"]}


def test_the_channels_of_a_picture_are_together() -> None:
    """A cell for each pixel."""
    assert rows(np.arange(12).reshape(2, 2, 3), "HWC") == {"": ["0 1 2 | 3 4 5", "6 7 8 | 9 10 11"]}


@pytest.mark.parametrize(("shape", "letters", "labels"), [
    ((2, 2, 8), "HWC", ["C=0", "C=7"]), ((3, 2, 2), "CHW", ["C=0", "C=2"]), ((4, 2, 2), "DHW", ["D=0", "D=3"]),
    ((2, 3, 2, 2), "NCHW", ["N=0, C=0", "N=1, C=2"]), ((5, 4), "NC", [""]), ((1, 2, 2), "CHW", ["C=0"]),
    ((4,), "C", [""]), ((2, 5, 3), "NLC", ["N=0", "N=1"]), ((2, 2, 2), "HCW", ["C=0", "C=1"]),
])
def test_of_many_planes_the_first_and_the_last(shape: tuple[int, ...], letters: str, labels: list[str]) -> None:
    """Labelled by their place."""
    assert list(rows(np.zeros(shape), letters)) == labels


def test_nothing_is_shown_of_nothing() -> None:
    """An empty result; a result without axes is one number."""
    assert rows(np.zeros((0, 2, 2, 3)), "NHWC") == {}
    assert rows(np.float64(7), "") == {"": ["7"]}
