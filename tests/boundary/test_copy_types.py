"""Every type of the list arrives equal in type and value, in typed and untyped places; the rest is refused."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from copy_samples import BAD, GOOD, BigItem, Handle, Item, Node, Point, equal

from gotee.boundary.copy import codec_for
from gotee.boundary.fast import is_lossless
from gotee.boundary.limits import Limits
from gotee.boundary.types import register_type
from gotee.errors import BoundaryTypeError, Overloaded, UsageError


def label(value: Any) -> str:
    """The same in every process: no address, no set in the order of its hashes."""
    return repr(value)[:40] if isinstance(value, (str, bool, type)) else type(value).__name__


KNOWN = [
    v for v in vars(sys.modules["copy_samples"]).values() if isinstance(v, type) and v.__module__ == "copy_samples"
]


@pytest.mark.parametrize(("annotation", "value"), GOOD, ids=label)
def test_value_of_the_type_arrives_equal(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)
    assert equal(codec.decode(codec.encode(value)), value)


@pytest.mark.parametrize("value", [v for _, v in GOOD if not (isinstance(v, list) and len(v) > 9)], ids=label)
def test_value_arrives_equal_where_nothing_is_annotated(value: Any) -> None:
    if value is msgspec.UNSET:
        pytest.skip("UNSET needs its annotation")
    codec = codec_for(Any, known=[cls for cls in KNOWN if cls is not Handle])
    assert equal(codec.decode(codec.encode([value])), [value])


@pytest.mark.parametrize(("annotation", "value", "path", "words"), BAD, ids=label)
def test_wrong_value_is_refused_with_its_path(annotation: Any, value: Any, path: str, words: str) -> None:
    with pytest.raises(BoundaryTypeError) as caught:
        codec_for(annotation).encode(value)
    assert (caught.value.path, words in str(caught.value)) == (path, True), str(caught.value)


def test_prefix_of_the_path_is_the_callers() -> None:
    with pytest.raises(BoundaryTypeError, match=r"Expected int, got str - at args\[0\]\.id$"):
        codec_for(Item).encode(Item("1", "a"), "args[0]")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("annotation", "value"), [(list[int], ["a"]), (dict[str, int], {"k": None}), (tuple[int, str], (1, 2))]
)
def test_receiver_refuses_a_wrong_type_whatever_the_sender_says(annotation: Any, value: Any) -> None:
    for data in (msgspec.msgpack.encode(value), codec_for(Any).encode(value)):
        with pytest.raises(BoundaryTypeError):
            codec_for(annotation).decode(data)


def test_cycle_is_refused_with_its_path() -> None:
    ring: list[Any] = [1]
    ring.append({"a": ring})
    with pytest.raises(BoundaryTypeError) as caught:
        codec_for(Any).encode(ring, "args[0]")
    assert caught.value.path == "args[0][1]['a']"
    node = Node(1)
    node.next = node
    with pytest.raises(BoundaryTypeError, match="contains itself"):
        codec_for(Node).encode(node)


def test_shared_object_arrives_as_two() -> None:
    shared = [1]
    first, second = (codec := codec_for(list)).decode(codec.encode([shared, shared]))
    assert first == second == [1]
    assert first is not second


def test_doubling_lists_are_refused_by_the_items_after_expansion() -> None:
    doubled: list[Any] = []
    for _ in range(50):
        doubled = [doubled, doubled]
    with pytest.raises(Overloaded, match="more than 1000 items"):
        codec_for(Any).encode(doubled, limits=Limits(items=1000))


@pytest.mark.parametrize(
    ("annotation", "value", "limits"),
    [
        (bytes, b"x" * 100, Limits(frame_bytes=50)),
        (list[int], [1] * 100, Limits(items=50)),
        (list[list[int]], [[1] * 50, [1] * 50], Limits(items=90)),
        (dict[str, int], {str(i): i for i in range(50)}, Limits(items=99)),
        (Any, [[[[]]]], Limits(depth=4)),
        (list[Item], [Item(1, "a")] * 30, Limits(items=100)),
    ],
)
def test_limits_hold_on_both_sides(annotation: Any, value: Any, limits: Limits) -> None:
    codec = codec_for(annotation)
    data = codec.encode(value)
    with pytest.raises(Overloaded):
        codec.encode(value, limits=limits)
    with pytest.raises(Overloaded):
        codec.decode(data, limits)


def test_dataclass_that_holds_more_than_its_fields_is_refused() -> None:
    item = Item(1, "a")
    item.note = "x"  # type: ignore[attr-defined]
    with pytest.raises(BoundaryTypeError) as caught:
        codec_for(Item).encode(item)
    assert caught.value.path == "note"


def test_cached_property_does_not_stop_an_object() -> None:
    @dataclasses.dataclass
    class Lazy:
        n: int

        @functools.cached_property
        def double(self) -> int:
            return 2 * self.n

    value = Lazy(2)
    assert value.double == 4
    codec = codec_for(Lazy, localns={"Lazy": Lazy})
    assert codec.decode(codec.encode(value)) == value


def test_field_that_is_not_set_is_refused() -> None:
    item = object.__new__(Item)
    with pytest.raises(BoundaryTypeError) as caught:
        codec_for(Item).encode(item)
    assert caught.value.path == "id"


def test_post_init_refuses_on_the_receivers_side_and_changes_nothing() -> None:
    codec = codec_for(Point)
    point = Point(x=1.0, y=2.0)
    object.__setattr__(point, "norm", 9.0)
    assert codec.decode(codec.encode(point)).norm == 9.0
    object.__setattr__(point, "x", -1.0)
    with pytest.raises(BoundaryTypeError, match="x is negative"):
        codec.decode(codec.encode(point))


def test_subclass_passes_only_if_the_table_has_it() -> None:
    value = BigItem(1, "a", [], 2.5)
    with pytest.raises(BoundaryTypeError, match="subclass"):
        codec_for(Item).encode(value)
    codec = codec_for(Item, known=[BigItem])
    assert equal(codec.decode(codec.encode(value)), value)
    assert equal(codec.decode(codec.encode(Item(1, "b"))), Item(1, "b"))


def test_registered_type_crosses_and_its_refusal_is_a_boundary_error() -> None:
    class Even:
        def __init__(self, n: int) -> None:
            if n % 2:
                raise ValueError("odd")
            self.n = n

    register_type(Even, lambda e: e.n, Even, int)
    codec = codec_for(list[Even])
    assert [e.n for e in codec.decode(codec.encode([Even(4)]))] == [4]
    odd = Even(2)
    odd.n = 3
    with pytest.raises(BoundaryTypeError, match="odd") as caught:
        codec.decode(codec.encode([odd]))
    assert caught.value.path == "[0]"


def test_forward_references_are_found_in_the_given_namespaces() -> None:
    codec = codec_for("list[Thing] | None", globalns={"Thing": Item})
    assert codec.decode(codec.encode([Item(1, "a")])) == [Item(1, "a")]
    with pytest.raises(UsageError, match="Missing"):
        codec_for("list[Missing]")


def test_recursive_alias_in_strings() -> None:
    names: dict[str, Any] = {}
    names["Json"] = dict[str, "Json"] | list["Json"] | int | None  # type: ignore[name-defined]  # noqa: F821
    codec = codec_for("Json", globalns=names)
    value = {"a": [1, None, {"b": []}]}
    assert codec.decode(codec.encode(value)) == value
    with pytest.raises(BoundaryTypeError):
        codec.encode({"a": [1.5]})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` came with 3.12")
def test_pep_695_aliases_and_parameters() -> None:
    names: dict[str, Any] = {}
    exec("type Json = int | list[Json]\ntype Two[A] = tuple[A, A]", names)
    codec = codec_for(names["Json"])
    assert codec.decode(codec.encode([1, [2]])) == [1, [2]]
    with pytest.raises(BoundaryTypeError):
        codec_for(names["Two"][int]).encode((1, "a"))


def test_array_of_bytes_is_not_shared_with_the_frame() -> None:
    codec = codec_for(bytearray)
    first, second = (codec.decode(codec.encode(bytearray(b"x"))) for _ in range(2))
    first += b"y"
    assert second == b"x"


@pytest.mark.parametrize(
    ("annotation", "lossless"),
    [(int, True), (list[bytes], True), (int | None, True), (float | int, False), (str | bytes, False), (list, False),
     (tuple, False), (Item, False), (Any, False), (dict[float, int], False), (tuple[int, ...], True)],
)  # fmt: skip
def test_fast_lane_takes_only_what_it_can_prove(annotation: Any, lossless: bool) -> None:
    assert is_lossless(annotation) is lossless


def test_importing_the_copy_brings_no_heavy_module() -> None:
    heavy = ["asyncio", "numpy", "zoneinfo", "dataclasses", "pickle"]
    code = f"import sys, gotee.boundary.entries; print([m for m in {heavy} if m in sys.modules])"
    root = pathlib.Path(__file__).parents[2] / "src"
    script = (
        f"import sys; sys.modules['gotee'] = m = type(sys)('gotee'); m.__path__ = [{str(root / 'gotee')!r}]; "
        f"import gotee.compiled; gotee.compiled.install(); {code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ}, check=True
    )
    assert done.stdout.strip() == "[]"
