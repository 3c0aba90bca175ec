"""All 53 pooling node tests of the ONNX specification, mapped on `poolcli.pool`."""

from __future__ import annotations

import itertools
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import poolcli

SPATIAL = {1: "NCL", 2: "NCHW", 3: "NCDHW"}


def named(family: str, names: str) -> list[str]:
    """Spell the names of one family of node tests."""
    return [
        f"test_{family}_{name}" if name else f"test_{family}" for name in names.replace("-", "").split(" ")
    ]


LARGE = [
    f"test_averagepool_3d_dilations_large_count_include_pad_is_{count}_ceil_mode_is_{ceil}"
    for count, ceil in itertools.product((0, 1), (True, False))
]
COMMON = "1d_default 2d_default 3d_default 2d_same_upper 2d_same_lower 2d_pads 2d_strides 2d_dilations"
NAMES = [
    *named("averagepool", f"{COMMON} 2d_pads_count_include_pad 2d_ceil 2d_ceil_last_window_starts_on_pad"),
    *named("averagepool", "2d_precomputed_pads 2d_precomputed_pads_count_include_pad 3d_dilations_small"),
    *named("averagepool", "2d_precomputed_strides 2d_precomputed_same_upper"),
    *LARGE,
    *named("globalaveragepool", "- precomputed"),
    *named("globalmaxpool", "- precomputed"),
    *named("lppool", COMMON),
    *named("maxpool", f"{COMMON} 2d_uint8 2d_ceil 2d_ceil_output_size_reduce_by_one 3d_dilations"),
    *named("maxpool", "2d_precomputed_pads 2d_precomputed_strides 2d_precomputed_same_upper"),
    *named("maxpool", "3d_dilations_use_ref_impl 3d_dilations_use_ref_impl_large"),
    *named("maxpool", "with_argmax_2d_precomputed_pads with_argmax_2d_precomputed_strides"),
]
UNPOOLED = named("maxunpool", "export_with_output_shape export_without_output_shape")


class NodeTest(NamedTuple):
    """One generated case: the operator, its attributes, inputs and expected outputs."""

    operator: str
    attributes: dict[str, Any]
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


@pytest.fixture(scope="session")
def node_tests() -> dict[str, NodeTest]:
    """Generate ONNX's own pooling cases, once a session (about 6 s)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the generators of other operators warn
        helper = pytest.importorskip("onnx.helper")
        cases = pytest.importorskip("onnx.backend.test.case.node").collect_testcases(None)
    made = {}
    for case in (case for case in cases if "pool" in case.name):
        (node,), ((inputs, outputs),) = case.model.graph.node, case.data_sets
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        made[case.name] = NodeTest(node.op_type, attributes, list(inputs), list(outputs))
    return made


def window_options(attributes: dict[str, Any]) -> dict[str, Any]:
    """Size, stride, padding and dilation in poolcli's words; the defaults of ONNX are not ours."""
    size = tuple(attributes["kernel_shape"])
    pads = attributes.get("pads", [0] * 2 * len(size))
    automatic = {b"SAME_UPPER": "same", b"SAME_LOWER": "same-lower", b"VALID": "valid"}
    explicit = tuple(zip(pads[: len(size)], pads[len(size) :], strict=True))
    return {
        "size": size,
        "stride": tuple(attributes.get("strides", [1] * len(size))),
        "dilation": tuple(attributes.get("dilations", [1] * len(size))),
        "padding": automatic.get(attributes.get("auto_pad", b"NOTSET"), explicit),
        "ceil_mode": bool(attributes.get("ceil_mode", 0)),
    }


def call(case: NodeTest) -> tuple[str, dict[str, Any]]:
    """The reducer and the keywords that say what an ONNX node does."""
    layout = {"layout": SPATIAL[case.inputs[0].ndim - 2]}
    if case.operator.startswith("Global"):
        return {"GlobalAveragePool": "avg", "GlobalMaxPool": "max"}[case.operator], {"size": "all"} | layout
    options = window_options(case.attributes) | layout
    if case.operator == "AveragePool":
        return "avg", options | {"count_include_pad": bool(case.attributes.get("count_include_pad", 0))}
    if case.operator == "LpPool":
        return "lp", options | {"p": case.attributes.get("p", 2)}
    return "max", options


@pytest.mark.parametrize("name", NAMES)
def test_node(name: str, node_tests: dict[str, NodeTest]) -> None:
    """The values are ONNX's, to the tolerance of the case itself."""
    case = node_tests[name]
    reducer, options = call(case)
    got = poolcli.pool(case.inputs[0], reducer, **options)
    assert (got.dtype, got.shape) == (case.outputs[0].dtype, case.outputs[0].shape)
    np.testing.assert_allclose(got, case.outputs[0], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", [name for name in NAMES if "argmax" in name])
def test_node_indices(name: str, node_tests: dict[str, NodeTest]) -> None:
    """The indices are ONNX's, row-major or column-major."""
    case = node_tests[name]
    reducer, options = call(case)
    _, indices = poolcli.pool(case.inputs[0], reducer, return_indices=True, **options)
    target = "onnx-column-major" if case.attributes.get("storage_order", 0) else "onnx"
    got = poolcli.convert_indices(indices, "torch", target, case.inputs[0].shape, options["layout"])
    np.testing.assert_array_equal(got, case.outputs[1])


@pytest.mark.parametrize("name", UNPOOLED)
def test_unpool_node(name: str, node_tests: dict[str, NodeTest]) -> None:
    """Unpooling puts every value back where its index says, as ONNX reads it."""
    case = node_tests[name]
    values, indices, *shape = case.inputs
    options = {name: value for name, value in window_options(case.attributes).items() if name != "ceil_mode"}
    got = poolcli.unpool(values, indices, layout="NCHW", output_shape=shape[0] if shape else None, index_format="onnx",
                         **options)
    np.testing.assert_array_equal(got, case.outputs[0])


def test_no_node_is_forgotten(node_tests: dict[str, NodeTest]) -> None:
    """The names above are all the pooling cases that this version of ONNX generates, 53 of them."""
    assert sorted(node_tests) == sorted([*NAMES, *UNPOOLED])
    assert len(node_tests) == 53
