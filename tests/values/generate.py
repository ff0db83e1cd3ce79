#!/usr/bin/env python3
"""Makes vectors.txt from docs/spec.md, without our code: the bytes are those of cbor2 (https://pypi.org/project/cbor2).

    pip install cbor2
    python3 tests/values/generate.py
"""

from pathlib import Path

from cbor2 import CBORSimpleValue, CBORTag, dumps, undefined

FIRST = """\
# Vectors of docs/spec.md for CBOR, made by generate.py with cbor2. Do not edit.
#
# `name: bytes` is a value that tests/vectors.rs has in Rust. `refused name: bytes` is read as no type, nor skipped.
"""


def some(value):
    """`Some` of something that is null, or null behind tags."""
    return CBORTag(6, value)


# cbor2 writes a float in the fewest bytes only if it is asked to
single = lambda value: dumps(value, canonical=True)

VALUES = {
    "0": 0, "23": 23, "24": 24, "255": 255, "256": 256, "65535": 65535, "65536": 65536,
    "u32 max": 2**32 - 1, "2^32": 2**32, "u64 max": 2**64 - 1, "2^64": 2**64, "u128 max": 2**128 - 1,
    "-1": -1, "-24": -24, "-25": -25, "-256": -256, "-257": -257, "i64 min": -(2**63), "-2^64": -(2**64),
    "-2^64 - 1": -(2**64) - 1, "i128 min": -(2**127),
    "f64": 1.1, "f64 whole": 1.0, "f64 -0.0": -0.0, "f64 max": 1.7976931348623157e308,
    "true": True, "false": False, "unit": None, "none": None, "char": "ß", "text": "Grüße", "no text": "",
    "text of 24": "x" * 24, "text of 300": "x" * 300, "bytes": b"\x00\xff", "list of bytes": [0, 255],
    "list": [1, 300, 65535], "no list": [], "list of 24": list(range(24)), "tuple": [1, "a", True],
    "some": 7, "some none": some(None), "some some none": some(some(None)), "some some": 7, "some unit": some(None),
    "map": {"a": 1, "b": 2}, "no map": {}, "map by numbers": {1: "a", -1: "b"},
    "unit struct": None, "newtype struct": 300, "tuple struct": [-1, 1],
    "struct": {"items": [7, 300], "note": "x"}, "struct with none": {"items": [], "note": None},
    "unit variant": "Start", "newtype variant": {"Paid": 300}, "newtype variant of unit": {"Wrapped": None},
    "tuple variant": {"Moved": [1, 2]}, "struct variant": {"Sent": {"parcel": 300}},
    "list of variants": ["Start", {"Paid": 1}],
    "internal tag": {"kind": "Sent", "parcel": 300}, "adjacent tag": {"t": "Paid", "c": 300},
    "flatten": {"id": 1, "items": 2, "more": [None, "x"]},
}

SINGLES = {"f32": 100000.0, "f32 max": 3.4028234663852886e38}

REFUSED = {
    "half float": dumps(1.5, canonical=True),
    "undefined": dumps(undefined),
    "simple value": dumps(CBORSimpleValue(16)),
    "simple value of two bytes": dumps(CBORSimpleValue(255)),
    "indefinite list": dumps([1, 2], indefinite_containers=True),
    "indefinite map": dumps({"a": 1}, indefinite_containers=True),
    "indefinite text": b"\x7f\x61a\xff",
    "date as text": dumps(CBORTag(0, "2013-03-21T20:04:00Z")),
    "date as number": dumps(CBORTag(1, 1363896240)),
    "decimal": dumps(CBORTag(4, [-2, 27315])),
    "self-described": dumps(CBORTag(55799, 1)),
    "some of a number": dumps(CBORTag(6, 7)),
    "bignum that fits": dumps(CBORTag(2, b"\x01" * 8)),
    "bignum with a leading zero": dumps(CBORTag(2, b"\x00" + b"\x01" * 9)),
    "bignum of 17 bytes": dumps(CBORTag(2, b"\x01" * 17)),
    "negative bignum beyond i128": dumps(CBORTag(3, b"\x80" + b"\x00" * 15)),
    "bignum of a list": dumps(CBORTag(2, [1])),
    "0 in two bytes": b"\x18\x00",
    "length in two bytes": b"\x58\x01a",
    "text that is no UTF-8": b"\x61\xff",
    "reserved": b"\x1c",
    "break": b"\xff",
    "cut number": dumps(1000)[:-1],
    "cut text": dumps("text")[:-1],
    "cut list": dumps([1, 2])[:-1],
    "nothing": b"",
    "more than one": dumps(1) + dumps(2),
}


def main():
    lines = [f"{name}: {dumps(value).hex()}" for name, value in VALUES.items()]
    lines += [f"{name}: {single(value).hex()}" for name, value in SINGLES.items()]
    lines += [f"refused {name}: {data.hex()}" for name, data in REFUSED.items()]
    Path(__file__).with_name("vectors.txt").write_text(FIRST + "\n".join(lines) + "\n")


main()
