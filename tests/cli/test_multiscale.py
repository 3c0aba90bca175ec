"""Pyramids as OME-Zarr: the levels of one piece, metadata that a reader by others takes, places to the half pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunked.volumes_made import read, stored, zarr
from cli.calls import Call, names

import poolcli
from poolcli.chunked import chunk_shapes, ome

models = pytest.importorskip("ome_zarr_models", reason='a test dependency is missing: pip install "poolcli[test-all]"')


def group(folder: Path, x: np.ndarray, version: int) -> str:
    """A multiscale image as a microscope writes it: micrometres, two levels, the second given a place."""
    path = str(folder / "scan.ome.zarr")
    axes = [{"name": "c", "type": "channel"},
            *({"name": name, "type": "space", "unit": "micrometer"} for name in "zyx")]
    datasets = [{"path": str(i), "coordinateTransformations": [
        {"type": "scale", "scale": [1.0, 2.0, 0.5 * 2**i, 0.5 * 2**i]},
        {"type": "translation", "translation": [0.0, 10.0, 0.25 * i, 0.25 * i]}]} for i in (0, 1)]
    image = {"name": "scan", "axes": axes, "datasets": datasets}
    attributes: dict[str, Any] = ({"multiscales": [{"version": "0.4", **image}]} if version == 2 else
                                  {"ome": {"version": "0.5", "multiscales": [image]}})
    made = zarr.create_group(path, zarr_format=version, attributes=attributes)
    for i, values in enumerate((x, x[:, :, ::2, ::2])):
        extra = {"dimension_names": list("czyx")} if version == 3 else {"chunk_key_encoding": {
            "name": "v2", "separator": "/"}}
        made.create_array(str(i), shape=values.shape, dtype=values.dtype, chunks=(1, 4, 8, 8), **extra)[...] = values
    return path


def image(path: Path | str, version: int) -> Any:
    """The group as a reader by others sees it; it raises for whatever the specification does not allow."""
    found = models.open_ome_zarr(zarr.open_group(str(path), mode="r"))
    assert type(found).__module__.startswith(f"ome_zarr_models.v0{4 if version == 2 else 5}")
    return found


def places(found: Any) -> list[tuple[str, list[float], list[float]]]:
    """Path, scale and translation of each level."""
    attributes = found.attributes
    multiscale = getattr(attributes, "ome", attributes).multiscales[0]
    return [(one.path, list(one.coordinateTransformations[0].scale), list(one.coordinateTransformations[1].translation))
            for one in multiscale.datasets]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("reducer", ["avg", "max", "median"])
def test_a_pyramid_of_a_scan(reducer: str, version: int, here: Call, tmp_path: Path,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level has the values of the pyramid in memory; scales multiply, samples lie in the middle of theirs."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 5_000)
    x = np.random.default_rng(0).integers(0, 60_000, (2, 8, 40, 36)).astype(np.uint16)
    path = group(tmp_path, x, version)
    image(path, version)
    output = tmp_path / "levels.zarr"
    called = here("pyramid", path, reducer, "--levels", "3", "-o", output)
    assert (called.code, called.err) == (0, "")
    found = image(output, version)
    assert [name for name, _, _ in places(found)] == ["0", "1", "2", "3"]
    assert places(found)[0][1:] == ([1.0, 2.0, 0.5, 0.5], [0.0, 10.0, 0.0, 0.0])
    assert places(found)[2][1:] == ([1.0, 8.0, 2.0, 2.0], [0.0, 10.0 + 1.5 * 2.0, 1.5 * 0.5, 1.5 * 0.5])
    for i, (_, scale, at) in enumerate(places(found)):
        assert (scale[2], at[2]) == (0.5 * 2**i, 0.5 * (2**i - 1) / 2)
    whole = poolcli.pyramid(x, reducer, levels=3, layout="CDHW", dtype="uint16")
    for number, level in enumerate(whole.levels):
        assert read(output, str(number)).tobytes() == level.values.tobytes(), number
    assert sorted(node for node, _ in zarr.open_group(str(output), mode="r").members()) == ["0", "1", "2", "3"]
    assert names(tmp_path) == ["levels.zarr", "scan.ome.zarr"]


@pytest.mark.parametrize("version", [2, 3])
def test_how_channels_are_shown_is_kept(version: int, here: Call, tmp_path: Path) -> None:
    """``omero``: names, colours and windows of channels, in a pyramid and in a pooled level."""
    path = group(tmp_path, np.ones((2, 4, 8, 8), np.uint16), version)
    window = {"min": 0, "max": 65535, "start": 10, "end": 900}
    shown = {"channels": [{"label": label, "color": colour, "active": True, "window": window}
                          for label, colour in (("DAPI", "0000FF"), ("GFP", "00FF00"))]}
    made = zarr.open_group(path, mode="r+")
    known = dict(made.attrs)
    made.attrs.update({"omero": shown} if version == 2 else {"ome": {**known["ome"], "omero": shown}})
    image(path, version)
    assert here("pyramid", path, "--levels", "1", "-o", tmp_path / "levels.zarr").code == 0
    image(tmp_path / "levels.zarr", version)
    assert here("avg", path, "-k", "2", "-o", tmp_path / "level.zarr").code == 0
    for output in ("levels.zarr", "level.zarr"):
        found = dict(zarr.open(str(tmp_path / output), mode="r").attrs)
        assert (found if version == 2 else found["ome"])["omero"] == shown, output


@pytest.mark.parametrize("version", [2, 3])
def test_a_level_is_pooled_by_default_and_by_key(version: int, here: Call, tmp_path: Path) -> None:
    """The largest level, with the layout that its axes say; --key takes another, whose scale a pyramid begins at."""
    x = np.random.default_rng(0).integers(0, 200, (2, 4, 16, 16)).astype(np.uint8)
    path = group(tmp_path, x, version)
    called = here("max", path, "-o", tmp_path / "y.npy")
    assert called.code == 0 and "level 0 of 2 is pooled; --key takes another" in called.err
    assert np.load(tmp_path / "y.npy").tobytes() == poolcli.pool(x, "max", layout="CDHW").tobytes()
    assert here("max", "-q", "--key", "1", path, "-o", tmp_path / "z.npy").code == 0
    assert np.load(tmp_path / "z.npy").shape == (2, 2, 4, 4)
    assert here("pyramid", path, "--key", "1", "--levels", "1", "-o", tmp_path / "l.zarr").code == 0
    assert places(image(tmp_path / "l.zarr", version))[1][1:] == ([1.0, 4.0, 2.0, 2.0], [0.0, 11.0, 0.75, 0.75])


def test_a_plain_array_becomes_a_pyramid(here: Call, tmp_path: Path) -> None:
    """Without metadata samples are one apart; with odd sides too the middle of the first window is where it is."""
    x = np.random.default_rng(0).integers(0, 200, (31, 45)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert here("pyramid", tmp_path / "x.npy", "-k", "3", "--levels", "2", "-o", tmp_path / "l.zarr").code == 0
    found = image(tmp_path / "l.zarr", 3)
    assert [at for _, _, at in places(found)] == [[0.0, 0.0], [1.0, 1.0], [4.0, 4.0]]
    whole = poolcli.pyramid(x, "avg", levels=2, size=3, dtype="uint8")
    assert all(read(tmp_path / "l.zarr", str(i)).tobytes() == whole.levels[i].values.tobytes() for i in range(3))
    stored(tmp_path, x, (16, 16), name="v.zarr")
    assert here("pyramid", tmp_path / "v.zarr", "--smallest", "7").code == 0
    assert (tmp_path / "v_levels.zarr").is_dir()


def test_what_makes_no_pyramid_says_so(here: Call, tmp_path: Path) -> None:
    """Axes that OME-Zarr has not, an output that is there, a name that is none of a group; nothing is left behind."""
    path = stored(tmp_path, np.zeros((8, 8, 3), np.uint8), (4, 4, 3))
    for arguments, words in ((("-o", "l.zarr"), "which HWC is not"),
                             (("-o", "l.npy"), "a name that ends in .zarr"),
                             (("-o", path, "--layout", "DHW"), "is the input"),
                             (("-o", path, "--layout", "DHW", "--overwrite"), "is the input")):
        said = [str(tmp_path / one) if one.endswith((".zarr", ".npy")) else one for one in arguments]
        called = here("pyramid", path, "--levels", "1", *said)
        assert words in called.err and called.code in (1, 2), (arguments, called)
    assert names(tmp_path) == ["x.zarr"]


@pytest.mark.parametrize(("attributes", "shape", "letters"), [
    ({"multiscales": [{"axes": ["t", "c", "y", "x"]}]}, 4, "NCHW"),
    ({"multiscales": [{"axes": [{"name": "a", "type": "channel"}, {"name": "y"}, {"name": "x"}]}]}, 3, "CHW"),
    ({"multiscales": [{"axes": [{"name": "q"}, {"name": "y"}, {"name": "x"}]}]}, 3, None),
    ({"multiscales": [{"axes": ["y", "x"]}]}, 3, None),
    ({"multiscales": "nonsense", "ome": 7}, 2, None),
    ({"multiscales": [{"axes": {"y": 1}, "datasets": [{"path": 3}, "x"]}]}, 2, None),
])
def test_metadata_are_believed_as_far_as_they_go(attributes: dict[str, Any], shape: int, letters: str | None) -> None:
    """Axes by type or name; what says too little, or nonsense, says nothing."""
    assert ome.find_letters(attributes, None, shape) == letters
    assert ome.read_placement(attributes, "0", "HW").scale == (1.0, 1.0)


RULES = {"mask": "--mask m.npy", "mask share": "--mask m.npy --min-valid 50%", "inverted": "--mask !m.npy",
         "mask number": "--mask m.npy --min-valid 3", "weights": "--weights w.npy",
         "both": "--mask m.npy --weights w.npy --min-valid 60%",
         "planes": "--mask plane.npy --weights plane.npy", "share alone": "--min-valid 40%"}


WORDS = ("avg", "avg --repeated", "median", "mode --nodata 0", "sum --repeated", "max", "std", "max -k 3 --stride 2")


@pytest.mark.parametrize(("words", "rules"), [(words, rules) for words in WORDS for rules in RULES
                                              if "max" not in words or "weights" not in RULES[rules]])
def test_levels_of_what_counts(words: str, rules: str, here: Call, tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    """Box by box they are those of one piece, to the last bit; nothing else is left in the group."""
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 5_000)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(8)
    integers = words.startswith("mode")
    x = rng.integers(0, 7, (6, 26, 22)).astype(np.uint8 if integers else np.float32)
    if not integers:
        x[0, :4, :5] = np.nan
    mask, weights, plane = rng.random(x.shape) < 0.6, rng.integers(0, 4, x.shape), rng.random(x.shape[1:]) < 0.7
    mask[:3, :5, :9] = False
    zarr.create_array("x.zarr", data=x, chunks=(2, 8, 8))
    for name, array in (("m", mask), ("w", weights), ("plane", plane.astype(np.uint8))):
        np.save(f"{name}.npy", array)
    given = RULES[rules].split()
    options: dict[str, Any] = {}
    for option, value in zip(given[::2], given[1::2], strict=True):
        keyword = option[2:].replace("-", "_")
        options[keyword] = value if keyword == "min_valid" and "%" in value else (
            int(value) if keyword == "min_valid" else ~mask if value == "!m.npy" else np.load(value))
    reducer, *more = words.split()
    layout = "NHW"
    done = here("pyramid", "x.zarr", *words.split(), *given, "--levels", "3", "--layout", layout, *(
        () if integers else ("--nan", "ignore")), "-o", "levels.zarr")
    assert (done.code, done.err) == (0, "")
    keywords: dict[str, Any] = {"layout": layout, "dtype": x.dtype.name}
    keywords |= {"exact": False} if "--repeated" in more else {}
    keywords |= {"size": 3, "stride": 2} if "-k" in more else {"size": 2}
    keywords |= {"nodata": 0} if integers else {"nan": "ignore"}
    wanted = poolcli.pyramid(x, reducer, levels=3, **keywords, **options).levels
    for level in wanted:
        found = read("levels.zarr", str(level.number))
        np.testing.assert_array_equal(found, level.values, err_msg=str(level.number))
    assert sorted(node for node, _ in zarr.open_group("levels.zarr", mode="r").members()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(("words", "said"), [
    ("avg --mask short.npy", "x.zarr: --mask short.npy: the mask has the shape 4x8, the samples 8x8"),
    ("max --weights x.npy", "mean nothing to max"), ("avg --min-valid 5", "a least of 5 valid samples is more than"),
    ("avg --repeated --mask x.npy --divisor 3", "what is divided by is the weight"),
    ("avg --mask no.npy", "--mask no.npy")])
def test_rules_that_fit_no_level(words: str, said: str, here: Call, tmp_path: Path,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Are refused in a line, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    zarr.create_array("x.zarr", data=np.ones((8, 8), np.uint8))
    np.save("x.npy", np.ones((8, 8), np.uint8))
    np.save("short.npy", np.ones((4, 8), np.uint8))
    done = here("pyramid", "x.zarr", *words.split(), "--levels", "2", "-o", "levels.zarr")
    assert done.code in (1, 2) and said in done.err and done.err.count("\n") == 1, done.err
    assert names(tmp_path) == ["short.npy", "x.npy", "x.zarr"]
