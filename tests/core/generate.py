#!/usr/bin/env python3
"""Makes vectors.txt: docs/spec.md in numbers, from the text of the specification and not from the Rust code.

    python3 generate.py            writes vectors.txt
    python3 generate.py --check    exits with 1 if vectors.txt is not what would be written

Only Python's own hashlib, hmac and base64 are used. All random-looking bytes are hashes of a label. The format of
postcard is the one described at https://postcard.jamesmunns.com/wire-format (MIT OR Apache-2.0).
"""

import base64
import hashlib
import hmac
import struct
import sys
from pathlib import Path

# ---- the specification -----------------------------------------------------------------------------------------------


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def subkey(key, use, name):
    return mac(key, b"session-core/1 " + use + b"\0" + name.encode())


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key, name, handle, secret, use=b"token"):
    return mac(subkey(key, use, name), handle + secret)


def cookie(key, name, handle, secret, use=b"token"):
    return base64url(handle + secret + signed(key, name, handle, secret, use)[:8])


def verifier(key, name, handle, secret):
    return signed(key, name, handle, secret)[8:24]


EVERYBODY = hashlib.sha256(b"session-core/2 everybody").digest()[:8]


def mark_name(key, subject):
    """Where a subject's mark stands, and its name; `key` is the name of everybody's mark"""
    long = mac(key + bytes(16), subject)
    return long[:8], long[8:24]


def proof(everybody, own=b""):
    return hashlib.sha256(b"session-core/2 marks\0" + everybody + own).digest()[:16]


def xor(one, two):
    return bytes(a ^ b for a, b in zip(one, two, strict=True))


def seal(key, name, handle, old, new):
    """sealed_next; `key` is the one that verified the old cookie."""
    return xor(new, mac(subkey(key, b"seal", name), handle + old)[:16])


def csrf(key, name, handle, salt, mask):
    return base64url(mask + xor(mask, mac(subkey(key, b"csrf", name), handle + salt)[:16]))


def binding(fingerprint):
    return hashlib.sha256(b"session-core/1 binding\0" + fingerprint).digest()[:8]


def rounds(state):
    words = list(state)
    def quarter(a, b, c, d):
        for left, right, mixed, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            words[left] = (words[left] + words[right]) & 0xFFFFFFFF
            words[mixed] ^= words[left]
            words[mixed] = (words[mixed] << turn | words[mixed] >> 32 - turn) & 0xFFFFFFFF
    for _ in range(10):
        for at in range(4):
            quarter(at, at + 4, at + 8, at + 12)
        for at in range(4):
            quarter(at, 4 + (at + 1) % 4, 8 + (at + 2) % 4, 12 + (at + 3) % 4)
    return words


SIGMA = struct.unpack("<4I", b"expand 32-byte k")


def chacha20(key, counter, nonce, data):
    """RFC 8439, 2.4"""
    out = b""
    for at in range(0, len(data), 64):
        state = (*SIGMA, *struct.unpack("<8I", key), counter + at // 64, *struct.unpack("<3I", nonce))
        block = struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(state), state)))
        out += bytes(a ^ b for a, b in zip(data[at : at + 64], block))
    return out


def poly1305(key, message):
    """RFC 8439, 2.5"""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    sum_ = 0
    for at in range(0, len(message), 16):
        sum_ = (sum_ + int.from_bytes(message[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((sum_ + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def xchacha20_poly1305(key, nonce, associated, plain):
    """draft-irtf-cfrg-xchacha-03: ciphertext and tag"""
    words = rounds((*SIGMA, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce[:16])))
    key, nonce = struct.pack("<8I", *words[:4], *words[12:]), bytes(4) + nonce[16:]
    cipher = chacha20(key, 1, nonce, plain)
    pad = lambda data: data + bytes(-len(data) % 16)
    message = pad(associated) + pad(cipher) + struct.pack("<QQ", len(associated), len(cipher))
    return cipher, poly1305(chacha20(key, 0, nonce, bytes(32)), message)


def sealed(key, name, handle, record, use=b"seal", label=b"sealed cookie"):
    base = subkey(key, use, name)
    nonce = mac(mac(base, b"sealed nonce"), handle + record)[:24]
    cipher, tag = xchacha20_poly1305(mac(base, label), nonce, handle, record)
    return nonce + tag + handle + cipher


def at_rest(key, handle, record, data_at, label=b"data at rest"):
    """The record as it lies in a store that seals its data; what a touch moves, bytes 14 to 19, is not bound"""
    base = subkey(key, b"seal", "data at rest")
    bound = handle + record[:14] + record[20:data_at]
    nonce = mac(mac(base, b"nonce at rest"), bound + record[data_at:])[:24]
    cipher, tag = xchacha20_poly1305(mac(base, label), nonce, mac(mac(base, b"head at rest"), bound), record[data_at:])
    return record[:data_at] + nonce + tag + cipher


# P-256 (FIPS 186-4, D.1.2.3)
PRIME, ORDER = 2**256 - 2**224 + 2**192 + 2**96 - 1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(one, two):
    """Points; None is the one at infinity"""
    if one is None or two is None:
        return one or two
    (x, y), (u, v) = one, two
    if x == u and (y + v) % PRIME == 0:
        return None
    slope = (3 * x * x - 3) * pow(2 * y, -1, PRIME) if one == two else (v - y) * pow(u - x, -1, PRIME)
    w = (slope * slope - x - u) % PRIME
    return w, (slope * (x - w) - y) % PRIME


def times(number, point):
    sum_ = None
    while number:
        if number & 1:
            sum_ = add(sum_, point)
        number, point = number >> 1, add(point, point)
    return sum_


def public(secret):
    return b"".join(part.to_bytes(32, "big") for part in times(secret, BASE))


def es256(secret, message, nonce, high=False):
    """RFC 7518, 3.4: r and s; with `high` the greater of the two s"""
    r = times(nonce, BASE)[0] % ORDER
    s = pow(nonce, -1, ORDER) * (int.from_bytes(hashlib.sha256(message).digest(), "big") + r * secret) % ORDER
    s = max(s, ORDER - s) if high else min(s, ORDER - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jwt(secret, challenge, registers=False, high=False, algorithm="ES256"):
    """As Chromium 156 writes it"""
    key = public(secret)
    jwk = f'"jwk":{{"crv":"P-256","kty":"EC","x":"{base64url(key[:32])}","y":"{base64url(key[32:])}"}},'
    head = f'{{"alg":"{algorithm}",{jwk if registers else ""}"typ":"dbsc+jwt"}}'
    signed_ = base64url(head.encode()) + "." + base64url(f'{{"jti":"{challenge}"}}'.encode())
    nonce = int.from_bytes(mac(b"nonce", signed_.encode()), "big") % ORDER
    return signed_ + "." + base64url(es256(secret, signed_.encode(), nonce, high))


def stamped(key, name, use, handle, rest, now):
    t = struct.pack(">Q", now)[2:]
    return base64url(t + mac(subkey(key, b"device", name), use + handle + t + rest)[:16])


def bound(key, name, handle, device, now):
    return stamped(key, name, b"b", handle, device, now)


def registration(key, name, handle, login, now):
    return stamped(key, name, b"r", handle, struct.pack(">I", login), now)


def challenge(key, name, handle, now):
    return stamped(key, name, b"c", handle, b"", now)


def refresh_name(key, name, handle):
    return base64url(handle + mac(subkey(key, b"device", name), b"u" + handle)[:8])


def identifier(name):
    return base64url(hashlib.sha256(b"session-core/1 device application\0" + name.encode()).digest()[:8])


LAST = 2**48 - 1


def u48(millis):
    """What would be later is the last time that there is."""
    return struct.pack("<Q", min(millis, LAST))[:6]


PREVIOUS, BINDING, SALT, SUBJECT, LABEL, OWN, DEVICE = 1, 2, 4, 8, 16, 32, 128


def text(data):
    return bytes([len(data)]) + data


def record(
    verifier, *, format=2, extra=0, version=bytes(8), login=0, seen=0, idle=1_800_000, end=None, created=0, rotated=None,
    previous=None, binding=None, salt=None, subject=None, label=None, device=None, own=False, data=b"",
):
    flags = extra
    flags |= PREVIOUS if previous else 0
    flags |= BINDING if binding else 0
    flags |= SALT if salt else 0
    flags |= SUBJECT if subject else 0
    flags |= LABEL if label is not None else 0
    flags |= OWN if own else 0
    flags |= DEVICE if device else 0
    end = created + 43_200_000 if end is None else end
    rotated = created if rotated is None else rotated
    bytes_ = bytes([format, flags]) + version + struct.pack("<I", login) + u48(seen) + u48(idle) + u48(end)
    assert len(bytes_) == 32
    bytes_ += verifier + u48(created) + u48(rotated)
    assert len(bytes_) == 60
    if previous:
        old, until, sealed = previous
        bytes_ += old + u48(until) + sealed
    if binding:
        bytes_ += binding
    if salt:
        bytes_ += salt
    if subject:
        at, who = subject
        bytes_ += u48(at) + text(who)
    if label is not None:
        bytes_ += text(label)
    if device:
        key, proven = device
        bytes_ += key + u48(proven)
    return bytes_ + data


def varint(number):
    out = []
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def coded(value):
    return struct.pack("<I", digest_of(value)) + postcard(value)


def entry(key, value, length=None):
    data = coded(value)
    return text(key) + (varint(len(data)) if length is None else length) + data


# ---- values: (kind, …) as serde's data model has them ----------------------------------------------------------------

KINDS = (
    "bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes none some unit unit_struct unit_variant "
    "newtype_struct newtype_variant seq tuple tuple_struct tuple_variant map struct struct_variant"
)
NUMBER = {kind: number for number, kind in enumerate(KINDS.split(), 1)}


def fold(digest, word):
    digest = (digest ^ word) * 0x9E3779B1 & 0xFFFFFFFF
    return digest ^ digest >> 15


def fold_bytes(digest, data):
    for byte in data:
        digest = fold(digest, byte)
    return digest


def fold_name(digest, name):
    return fold_bytes(fold(digest, len(name.encode())), name.encode())


def many(before, elements):
    return fold(before, sum(fold(element, NUMBER["seq"]) for element in elements) & 0xFFFFFFFF)


def digest_of(value, digest=0x811C9DC5):
    kind, *rest = value
    digest = fold(digest, NUMBER[kind])
    match kind:
        case "unit":
            return digest
        case "some":
            return digest_of(rest[0], fold_bytes(digest, b"\1"))
        case "unit_struct":
            return fold_name(digest, rest[0])
        case "newtype_struct":
            return digest_of(rest[1], fold_name(digest, rest[0]))
        case "unit_variant":
            name, index, variant = rest
            return fold_name(fold_name(fold_bytes(digest, varint(index)), name), variant)
        case "newtype_variant":
            name, index, variant, inner = rest
            return digest_of(inner, fold_name(fold_name(fold_bytes(digest, varint(index)), name), variant))
        case "seq":
            digest = fold_bytes(digest, varint(len(rest[0])))
            return many(digest, [digest_of(element, NUMBER["seq"]) for element in rest[0]])
        case "map":
            digest = fold_bytes(digest, varint(len(rest[0])))
            return many(digest, [digest_of(value, digest_of(key, NUMBER["map"])) for key, value in rest[0]])
        case "tuple":
            digest, elements = fold(digest, len(rest[0])), rest[0]
        case "tuple_struct":
            name, elements = rest
            digest = fold(fold_name(digest, name), len(elements))
        case "struct":
            name, elements = rest
            digest = fold(fold_name(digest, name), len(elements))
        case "tuple_variant" | "struct_variant":
            name, index, variant, elements = rest
            digest = fold_name(fold_name(fold_bytes(digest, varint(index)), name), variant)
            digest = fold(digest, len(elements))
        case _:
            return fold_bytes(digest, postcard(value))
    for element in elements:
        if kind in ("struct", "struct_variant"):
            field, element = element
            digest = fold_name(digest, field)
        digest = digest_of(element, digest)
    return digest


def postcard(value):
    kind, *rest = value
    joined = lambda elements: b"".join(postcard(element) for element in elements)
    match kind:
        case "bool" | "u8":
            return bytes([rest[0]])
        case "i8":
            return struct.pack("<b", rest[0])
        case "u16" | "u32" | "u64" | "u128":
            return varint(rest[0])
        case "i16" | "i32" | "i64" | "i128":
            return varint(rest[0] * 2 if rest[0] >= 0 else -rest[0] * 2 - 1)
        case "f32":
            return struct.pack("<f", rest[0])
        case "f64":
            return struct.pack("<d", rest[0])
        case "str" | "char":
            return varint(len(rest[0].encode())) + rest[0].encode()
        case "bytes":
            return varint(len(rest[0])) + rest[0]
        case "none":
            return b"\0"
        case "some":
            return b"\1" + postcard(rest[0])
        case "unit" | "unit_struct":
            return b""
        case "newtype_struct":
            return postcard(rest[1])
        case "unit_variant":
            return varint(rest[1])
        case "newtype_variant":
            return varint(rest[1]) + postcard(rest[3])
        case "seq":
            return varint(len(rest[0])) + joined(rest[0])
        case "map":
            return varint(len(rest[0])) + b"".join(postcard(key) + postcard(value) for key, value in rest[0])
        case "tuple":
            return joined(rest[0])
        case "tuple_struct":
            return joined(rest[1])
        case "tuple_variant":
            return varint(rest[1]) + joined(rest[3])
        case "struct":
            return joined(value for _, value in rest[1])
        case "struct_variant":
            return varint(rest[1]) + joined(value for _, value in rest[3])
    raise ValueError(kind)


# The values by name; tests/values.rs has the same in Rust.
VALUES = {
    "true": ("bool", True),
    "i8": ("i8", -128),
    "i16": ("i16", -300),
    "i32": ("i32", -(2**31)),
    "i64": ("i64", 2**63 - 1),
    "i128": ("i128", -(2**127)),
    "u8": ("u8", 200),
    "u16": ("u16", 300),
    "u32": ("u32", 300),
    "u64": ("u64", 2**64 - 1),
    "u128": ("u128", 2**128 - 1),
    "f32": ("f32", 1.5),
    "f64": ("f64", -0.1),
    "char": ("char", "ß"),
    "text": ("str", "Grüße"),
    "empty text": ("str", ""),
    "long text": ("str", "0123456789" * 20),
    "bytes": ("bytes", b"\x00\xff"),
    "none": ("none",),
    "some": ("some", ("u32", 300)),
    "unit": ("unit",),
    "unit struct": ("unit_struct", "Marker"),
    "newtype": ("newtype_struct", "Metres", ("u32", 300)),
    "tuple": ("tuple", [("u8", 172), ("u8", 2)]),
    "triple": ("tuple", [("u8", 1), ("u16", 2), ("char", "c")]),
    "array": ("tuple", [("u8", 1), ("u8", 2), ("u8", 3)]),
    "tuple struct": ("tuple_struct", "Point", [("i16", -1), ("i16", 1)]),
    "struct": ("struct", "Cart", [("items", ("seq", [("u32", 7), ("u32", 300)])), ("note", ("some", ("str", "x")))]),
    "other name": ("struct", "Chart", [("items", ("seq", [("u32", 7), ("u32", 300)])), ("note", ("some", ("str", "x")))]),
    "other field": ("struct", "Cart", [("items", ("seq", [("u32", 7), ("u32", 300)])), ("text", ("some", ("str", "x")))]),
    "unit variant": ("unit_variant", "Step", 0, "Start"),
    "newtype variant": ("newtype_variant", "Step", 1, "Paid", ("u32", 300)),
    "tuple variant": ("tuple_variant", "Step", 2, "Moved", [("u8", 1), ("u8", 2)]),
    "struct variant": ("struct_variant", "Step", 3, "Sent", [("parcel", ("u64", 300))]),
    "sequence": ("seq", [("u16", 1), ("u16", 300), ("u16", 65535)]),
    "empty sequence": ("seq", []),
    "mixed sequence": ("seq", [("unit_variant", "Step", 0, "Start"), ("newtype_variant", "Step", 1, "Paid", ("u32", 1))]),
    "map": ("map", [(("str", "a"), ("u8", 1)), (("str", "b"), ("u8", 2))]),
    "empty map": ("map", []),
}

# ---- the vectors -----------------------------------------------------------------------------------------------------

LINES = []
HEAD = """\
Vectors of docs/spec.md, made by generate.py. Do not edit.

A section is one case: `name = value` lines. Bytes are in hexadecimal, times in milliseconds, numbers decimal; cookie
lines, Set-Cookie values, event names and value names are text. `base` copies the lines of an earlier section except
those that the case has itself.

keys         the ring, the first signs      policy   secure (__Host-id) or plain (id), with the default lifetimes
now          the clock                      line     a Cookie header line, as text; line-hex: as bytes
record       what the store has under `handle`    mark    a handle, and what the store has under it
session      none: the request has no session; else yes, and what the handler sees of it follows
events       what the observer is told      do       what the handler does, in order; `as` names a value of [value …];
             refused, allowed: a write is, without a session
rng          32 bytes drawn by the commit: handle, secret, version; a CSRF token draws before: mask in the first 16,
             a new session's handle in the last 8
fingerprint  what the request is known by    binding-ok   whether the session is bound to that, or to nothing
flip         every one of the 256 bits of the value changed, and every length from 0 to 86 but 43
stored       the record afterwards          stored-under    its handle
set-cookie   the answer's header value   mode     sealed: the sessions travel in their cookies
lies         a record in a store that seals data at rest; `record` is what is loaded, nothing if it is refused
"""


def say(line=""):
    LINES.append(line)


def section(title, **fields):
    say()
    say(f"[{title}]")
    for name, value in fields.items():
        name = name.rstrip("_").replace("_", "-")
        for one in (value or [""]) if isinstance(value, list) else [value]:
            say(f"{name} = {one.hex() if isinstance(one, bytes) else one}".rstrip())


def chapter(title):
    say()
    say(f"# {title}")


def random(label, size):
    return hashlib.shake_256(b"session-core vectors/1 " + label.encode()).digest(size)


A, B, C = (random(f"signing key {name}", 32) for name in "ABC")
ID, HOST = "id", "__Host-id"
HANDLE, OLD = random("handle", 8), random("old secret", 16)
VERSION, NOW = random("version", 8), 1_700_000_000_000
SALTY = random("salt", 8)
HOUR, MINUTE = 3_600_000, 60_000


def with_both_special_characters(key, name):
    """A secret whose cookie value has a '-' and a '_', where base64 and base64url differ."""
    for attempt in range(1000):
        secret = random(f"secret {attempt}", 16)
        if {"-", "_"} <= set(cookie(key, name, HANDLE, secret)):
            return secret


SECRET = with_both_special_characters(A, ID)
T = cookie(A, ID, HANDLE, SECRET)
V = verifier(A, ID, HANDLE, SECRET)
TABLE = entry(b"cart", VALUES["struct"]) + entry(b"n", VALUES["u32"])


def plain(**changes):
    """The record of most cases: written a minute ago by a session that began ten minutes ago."""
    return record(**{"verifier": V, "version": VERSION, "seen": NOW - MINUTE, "created": NOW - 10 * MINUTE} | changes)


def full(**changes):
    """Every part of a record."""
    parts = {
        "login": 7, "previous": (verifier(A, ID, HANDLE, OLD), NOW - MINUTE, bytes(16)), "binding": random("binding", 8), "salt": SALTY,
        "subject": (NOW - 10 * MINUTE, "änn".encode()), "label": "Ännchens phone".encode(), "own": True,
        "idle": 30 * 24 * HOUR, "end": NOW + 30 * 24 * HOUR, "data": TABLE,
    }
    return plain(**parts | changes)


def subkeys():
    chapter("Subkeys. They show themselves in cookie values only; here they are for whoever writes a second implementation.")
    for letter, key in zip("ABC", (A, B, C)):
        for name in (ID, HOST):
            section(
                f"subkeys of key {letter} for {name}", signing_key=key,
                **{use: subkey(key, use.encode(), name) for use in ("token", "seal", "csrf")},
            )


def signing_keys():
    chapter("Signing keys")
    section("key: random bytes", key=A, refused="no")
    section("key: eight distinct values", key=bytes(range(8)) * 4, refused="no")
    section("key: seven distinct values", key=(bytes(range(7)) * 5)[:32], refused="yes")
    section("key: zeros", key=bytes(32), refused="yes")
    section("key: steps of one", key=bytes(range(32)), refused="yes")
    section("key: steps of 200", key=bytes(step * 200 % 256 for step in range(32)), refused="yes")
    section("key: steps but for the last byte", key=bytes([*range(31), 0x99]), refused="no")


ACCEPTED = {"session": "yes", "events": ""}
REFUSED = {"session": "none", "events": "Forged"}


def cookies():
    chapter("Cookie values")
    line = f"id={T}"
    section(
        "cookie: accepted", keys=f"{A.hex()}", policy="plain", now=NOW, handle=HANDLE, record=plain(data=TABLE), line=line,
        **ACCEPTED, created=NOW - 10 * MINUTE, last_seen=NOW - MINUTE, expires_in=29 * MINUTE, data_keys="cart n",
        value=["cart as struct", "n as u32"], clash=["cart as other name", "cart as other field", "n as u16", "n as tuple"],
    )
    base = {"base": "cookie: accepted"}
    section("cookie: second key of the ring", **base, keys=f"{B.hex()} {A.hex()}", **ACCEPTED)
    section("cookie: third key of the ring", **base, keys=f"{B.hex()} {C.hex()} {A.hex()}", **ACCEPTED)
    host = cookie(A, HOST, HANDLE, SECRET)
    section(
        "cookie: for https", **base, policy="secure", line=f"__Host-id={host}",
        record=plain(verifier=verifier(A, HOST, HANDLE, SECRET)), **ACCEPTED, data_keys="",
        value=[], clash=[],
    )
    section("cookie: among others", **base, line=f"a=b; idx=1;id={T} ;id2={T}", **ACCEPTED)
    section("cookie: after seven forged ones", **base, line="id=x; " * 7 + line, session="yes", events="Forged")
    section("cookie: on a later line", **base, line=["a=b", "id=x", line], session="yes", events="Forged")

    def refused(title, value, **more):
        value = {"line_hex": b"id=" + value} if isinstance(value, bytes) else {"line": f"id={value}"}
        section(f"cookie: {title}", **base, **value | REFUSED | more)

    def changed(at, mask):
        raw = bytearray(base64.urlsafe_b64decode(T + "="))
        raw[at] ^= mask
        return base64url(bytes(raw))

    refused("after eight forged ones", "x" + f"; id=x" * 7 + f"; {line}", events="Forged CookiesIgnored")
    refused("no value", "")
    refused("42 characters", T[:42])
    refused("44 characters", T + "A")
    refused("86 characters", T + T)
    refused("padded", T + "=")
    refused("42 characters and padding", T[:42] + "=")
    refused("first handle bit", changed(0, 0x80))
    refused("last handle bit", changed(7, 1))
    refused("first secret bit", changed(8, 0x80))
    refused("last secret bit", changed(23, 1))
    for at in range(24, 32):
        refused(f"tag byte {at - 24}", changed(at, 1))
    refused("tag of another session's cookie", T[:32] + cookie(A, ID, random("another handle", 8), SECRET)[32:])
    refused("handle of another session", base64url(random("another handle", 8) + SECRET + signed(A, ID, HANDLE, SECRET)[:8]))
    refused("the record's verifier for a secret", base64url(HANDLE + V + signed(A, ID, HANDLE, SECRET)[:8]))
    refused("tag of zeros", base64url(HANDLE + SECRET + bytes(8)))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for unused in (1, 2, 3):
        refused(f"unused bits {unused} of the last character", T[:42] + alphabet[alphabet.index(T[42]) | unused])
    refused("alphabet of base64", T.replace("-", "+").replace("_", "/"))
    refused("letters' case changed", T.swapcase())
    refused("in quotes", f'"{T}"')
    refused("percent-encoded", "%" + f"{ord(T[0]):02X}" + T[1:])
    for byte in (0x00, 0x09, 0x20, 0x2C, 0x2E, 0x3D, 0x7F, 0x80, 0xFF):
        refused(f"character {byte:02x} inside", T[:20].encode() + bytes([byte]) + T[21:].encode())
    refused("a key not in the ring", cookie(B, ID, HANDLE, SECRET))
    section("cookie: a retired key", **base, keys=f"{B.hex()} {C.hex()}", **REFUSED)
    refused("for another cookie name", host)
    section("cookie: sent under another name", **base, line=f"__Host-id={T}", session="none", events="")
    section("cookie: name in other letters", **base, line=f"ID={T}", session="none", events="")
    refused("tag by the key for seal", cookie(A, ID, HANDLE, SECRET, b"seal"))
    refused("tag by the key for csrf", cookie(A, ID, HANDLE, SECRET, b"csrf"))
    refused("a CSRF token", csrf(A, ID, HANDLE, bytes(8), random("mask", 16)))
    section("flip: every bit and every length of a value", **base, **REFUSED)
    section("cookie: no such session", **base, handle=random("another handle", 8), session="none", events="Unknown")


def verdicts():
    chapter("What a genuine cookie is worth")
    base = {"base": "cookie: accepted", "value": [], "clash": []}
    new = SECRET
    old_line = f"id={cookie(A, ID, HANDLE, OLD)}"

    def renewed(old_key=A, new_key=A, grace=NOW + 1, **more):
        previous = (verifier(old_key, ID, HANDLE, OLD), grace, seal(old_key, ID, HANDLE, OLD, new))
        fields = {"verifier": verifier(new_key, ID, HANDLE, new), "previous": previous, "rotated": NOW - MINUTE + 1}
        return plain(**fields | more)

    set_cookie = f"id={T}; Max-Age={(12 * HOUR - 10 * MINUTE) // 1000}; Path=/; HttpOnly; SameSite=Lax"
    section("grace: the old cookie", **base, record=renewed(), line=old_line, **ACCEPTED, data_keys="", set_cookie=set_cookie)
    section("grace: the new cookie", **base, record=renewed(), **ACCEPTED, data_keys="", set_cookie="none")
    section(
        "grace: old key first in the ring, the new cookie by the second", **base, keys=f"{B.hex()} {A.hex()}",
        record=renewed(old_key=B), line=f"id={cookie(B, ID, HANDLE, OLD)}", **ACCEPTED, data_keys="", set_cookie=set_cookie,
    )
    section("grace: over, within a minute", **base, record=renewed(grace=NOW), line=old_line, session="none", events="PastGrace",
            do="refused")
    section("grace: over, later", **base, record=renewed(grace=NOW, rotated=NOW - MINUTE), line=old_line, session="none",
            events="PastGrace", do="allowed")
    older = f"id={cookie(A, ID, HANDLE, random('older secret', 16))}"
    section("superseded: within a minute", **base, record=renewed(), line=older, session="none", events="Replaced",
            do="refused")
    section("superseded: later", **base, record=renewed(rotated=NOW - MINUTE), line=older, session="none",
            events="Replaced", do="allowed")

    another = random("another handle", 8)
    section("superseded: the record of another session", **base, record=plain(verifier=verifier(A, ID, another, new)),
            session="none", events="Replaced")
    section("superseded: a verifier of zeros", **base, record=plain(verifier=bytes(16)), session="none", events="Replaced")
    section("grace: sealed_next leads to no cookie", **base, line=old_line, **ACCEPTED, data_keys="", set_cookie="none",
            record=renewed(previous=(verifier(A, ID, HANDLE, OLD), NOW + 1, bytes(16))))

    limits = {"seen": NOW - 1000, "idle": 1000, "end": NOW + HOUR, "own": True}
    section("end: a millisecond before idle", **base, record=plain(**limits | {"idle": 1001}), **ACCEPTED,
            last_seen=NOW - 1000, expires_in=1, data_keys="")
    section("end: idle", **base, record=plain(**limits), session="none", events="Expired")
    section("end: a millisecond before the absolute end", **base, record=plain(**limits | {"idle": 0, "end": NOW + 1}),
            **ACCEPTED, last_seen=NOW - 1000, expires_in=1, data_keys="")
    section("end: absolute", **base, record=plain(**limits | {"idle": 0, "end": NOW}), session="none", events="Expired")
    section("end: no limits", **base, now=LAST - 1, record=plain(idle=0, end=0, own=True), **ACCEPTED, expires_in="never",
            data_keys="")
    section("end: the policy's, though the record says longer", **base, record=plain(seen=NOW - 30 * MINUTE, idle=HOUR),
            session="none", events="Expired")
    section("end: last seen in the future", **base, record=plain(seen=NOW + 5), **ACCEPTED, last_seen=NOW + 5,
            expires_in=30 * MINUTE + 5, data_keys="")


def records():
    chapter("Records")
    base = {"base": "record: every part"}
    section(
        "record: every part", base="cookie: accepted", record=full(), **ACCEPTED, subject="änn",
        authenticated=NOW - 10 * MINUTE, label="Ännchens phone", expires_in=30 * 24 * HOUR - MINUTE,
    )
    nothing = {"subject": "none", "authenticated": "none", "label": "none"}
    section("record: 255 bytes of subject and label", **base, record=full(subject=(NOW, b"s" * 255), label=b"l" * 255),
            **ACCEPTED, subject="s" * 255, authenticated=NOW, label="l" * 255)
    for name, without in (("previous", "previous"), ("binding", "binding"), ("salt", "salt")):
        section(f"record: without {name}", **base, record=full(**{without: None}), **ACCEPTED)
    section("record: without subject", **base, record=full(subject=None), **ACCEPTED, subject="none", authenticated="none")
    section("record: without label", **base, record=full(label=None), **ACCEPTED, label="none")
    section("record: without data", **base, record=full(data=b""), **ACCEPTED, data_keys="", value=[], clash=[])
    section("record: an internal key is not listed", **base, record=full(data=entry(b"\0flash", VALUES["text"]) + TABLE),
            **ACCEPTED)
    longest = b"k" * 255
    section("record: key of 255 bytes", **base, record=full(data=entry(longest, VALUES["unit"])), **ACCEPTED,
            data_keys=longest.decode(), value=[], clash=[])
    section("record: value of two length bytes", **base, record=full(data=entry(b"t", VALUES["long text"])), **ACCEPTED,
            data_keys="t", value="t as long text", clash="t as bytes")
    section("record: bound to a device", **base, **ACCEPTED,
            record=full(device=(bytes(range(64)), NOW - MINUTE), data=entry(b"t", VALUES["long text"])),
            data_keys="t", value="t as long text", clash="t as bytes")

    def corrupt(title, data):
        section(f"record: {title}", **base, record=data, session="none", events="Corrupt", **nothing)

    whole = full()
    for format in (0, 1, 255):
        corrupt(f"format {format}", full(format=format))
    corrupt("values of the other codec", full(extra=64))
    for name, flag in (("previous", PREVIOUS), ("binding", BINDING), ("salt", SALT), ("subject", SUBJECT), ("label", LABEL), ("device", DEVICE)):
        corrupt(f"flag of {name} without its part", plain(extra=flag))
    corrupt("subject of no bytes", full(subject=(NOW, b"")))
    corrupt("label of no bytes", full(label=b""))
    corrupt("a part whose flag is not set", bytes([2, whole[1] & ~LABEL]) + whole[2:])
    for name, data in (
        ("ff", b"\xff"), ("overlong NUL", b"\xc0\x80"), ("surrogate", b"\xed\xa0\x80"), ("cut", b"\xe2\x82"),
        ("beyond U+10FFFF", b"\xf4\x90\x80\x80"), ("Latin-1", b"M\xfcller"),
    ):
        corrupt(f"subject not UTF-8: {name}", full(subject=(NOW, data)))
        corrupt(f"label not UTF-8: {name}", full(label=data))
        corrupt(f"key not UTF-8: {name}", full(data=entry(data, VALUES["u8"])))
    last_text = plain(subject=(NOW, b"ann"))
    corrupt("subject length over the end", last_text[:66] + b"\x04ann")
    last_text = plain(label=b"phone")
    corrupt("label length over the end", last_text[:60] + b"\xffphone")
    a, b = entry(b"a", VALUES["u8"]), entry(b"b", VALUES["u8"])
    corrupt("keys in descending order", full(data=b + a))
    corrupt("a key twice", full(data=a + a))
    corrupt("a key before its prefix", full(data=entry(b"ab", VALUES["u8"]) + a))
    corrupt("order of characters instead of bytes", full(data=entry("ä".encode(), VALUES["u8"]) + b))
    corrupt("key of no bytes", full(data=entry(b"", VALUES["u8"])))
    corrupt("key length over the end", full(data=b"\xff" + a[1:]))
    corrupt("value length over the end", full(data=entry(b"a", VALUES["u8"], length=b"\x02")))
    corrupt("value length not in its shortest form", full(data=entry(b"a", VALUES["u8"], length=b"\x81\x00")))
    corrupt("value length of five bytes", full(data=entry(b"a", VALUES["u8"], length=b"\x81\x80\x80\x80\x00")))
    corrupt("value length that never ends", full(data=entry(b"a", VALUES["u8"], length=b"\xff" * 9)))
    corrupt("another program's bytes", b'{"user":"ann","expires":1700000000000,"flash":[],"csrf":"0123456789abcdef"}')
    corrupt("a byte after the last entry", full(data=TABLE + b"\0"))
    corrupt("an entry of one byte", full(data=b"\1"))
    section("record: a clash where bytes are left over", **base, data_keys="a", value=[], clash="a as u8",
            record=full(data=text(b"a") + text(coded(VALUES["u8"]) + b"\x02")), **ACCEPTED)
    section("record: a clash where bytes are missing", **base, data_keys="a", value=[], clash="a as u8",
            record=full(data=text(b"a") + text(coded(VALUES["u8"])[:-1])), **ACCEPTED)
    section("record: a clash where the digest is cut", **base, data_keys="a", value=[], clash="a as u8",
            record=full(data=text(b"a") + text(coded(VALUES["u8"])[:3])), **ACCEPTED)
    section("record: a clash where there is nothing", **base, data_keys="a", value=[], clash="a as u8",
            record=full(data=text(b"a") + text(b"")), **ACCEPTED)
    section("record: a clash where the content is another", **base, data_keys="a", value=[], clash="a as u8",
            record=full(data=text(b"a") + text(coded(VALUES["u8"])[:-1] + b"\xc9")), **ACCEPTED)

    # cut before the data is refused; within it, only the ends of entries are ends of records
    data_at = len(whole) - len(TABLE)
    ends = [data_at, data_at + len(entry(b"cart", VALUES["struct"]))]
    section("cut: every part", base="record: every part", whole=" ".join(map(str, ends)))
    section("cut: the smallest record", base="cookie: accepted", record=plain(), whole="")


# Read as a value of another row's type these are well, for it is the same type, or nothing of the type shows.
ALIKE = [
    {"text", "empty text", "long text"},
    {"none", "some"},
    {"unit variant", "newtype variant", "tuple variant", "struct variant"},
]
EMPTY = {"empty sequence": ["sequence", "mixed sequence"], "empty map": ["map"]}


def values():
    chapter("Values. Read as the type of another one of this list they are a clash, but for those `alike`.")
    for name, value in VALUES.items():
        alike = [other for kind in ALIKE if name in kind for other in VALUES if other in kind - {name}]
        section(f"value {name}", digest=struct.pack("<I", digest_of(value)), postcard=postcard(value),
                alike=alike + EMPTY.get(name, []))


def written():
    chapter("What is written")
    start = {"keys": A.hex(), "policy": "plain", "now": NOW}
    version, drawn = random("next version", 8), random("drawn handle", 8)
    rng = drawn + SECRET + version

    def fresh(name=ID, key=A, **changes):
        fields = {"verifier": verifier(key, name, drawn, SECRET), "version": version, "seen": NOW, "created": NOW}
        return record(**fields | changes)

    def header(value, name=ID, age=12 * HOUR):
        return f"{name}={value}; Max-Age={age // 1000}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if name == HOST else "")

    new = {"rng": rng, "stored_under": drawn, "events": "Created"}
    section("write: a first value", **start, do="set n as u32", **new, stored=fresh(data=entry(b"n", VALUES["u32"])),
            set_cookie=header(cookie(A, ID, drawn, SECRET)))
    section("write: two values behind https", base="write: a first value", policy="secure",
            do=["set n as u32", "set cart as struct"], **new, stored=fresh(HOST, data=TABLE),
            set_cookie=header(cookie(A, HOST, drawn, SECRET), HOST))
    section("write: the first key signs", base="write: a first value", keys=f"{B.hex()} {A.hex()}", **new,
            stored=fresh(key=B, data=entry(b"n", VALUES["u32"])), set_cookie=header(cookie(B, ID, drawn, SECRET)))
    section("write: a flash message and a label", base="write: a first value", do=["flash Grüße", "label phone"], **new,
            stored=fresh(label=b"phone", data=entry(b"\0flash", VALUES["text"])), set_cookie=header(cookie(A, ID, drawn, SECRET)))
    section("write: bound to a fingerprint", base="write: a first value", do=["set n as u32", "bind Firefox, 192.0.2"], **new,
            stored=fresh(binding=binding(b"Firefox, 192.0.2"), data=entry(b"n", VALUES["u32"])),
            set_cookie=header(cookie(A, ID, drawn, SECRET)))
    section("write: at the end of times", base="write: a first value", now=LAST - 1, **new,
            stored=fresh(seen=LAST - 1, created=LAST - 1, data=entry(b"n", VALUES["u32"])),
            set_cookie=header(cookie(A, ID, drawn, SECRET), age=1000))
    signed_in = {"login": 1, "salt": version, "subject": (NOW, b"ann")}
    login = {"base": "write: a first value", "rng": rng, "stored_under": drawn, "events": "Created LoggedIn"}
    section("write: a login without a session", **login, do="login ann", stored=fresh(**signed_in),
            set_cookie=header(cookie(A, ID, drawn, SECRET)))
    month = 30 * 24 * HOUR
    section("write: remember me", **login, do="remember ann",
            stored=fresh(**signed_in, own=True, idle=month, end=NOW + month),
            set_cookie=header(cookie(A, ID, drawn, SECRET), age=month))
    for name, value in VALUES.items():
        section(f"write: value {name}", base="write: a first value", do=f"set k as {name}", **new,
                stored=fresh(data=entry(b"k", value)), set_cookie=header(cookie(A, ID, drawn, SECRET)))

    there = {"handle": HANDLE, "line": f"id={T}", "stored_under": HANDLE}
    next_secret = random("next secret", 16)
    again = bytes(8) + next_secret + version
    next_value, next_verifier = cookie(A, ID, HANDLE, next_secret), verifier(A, ID, HANDLE, next_secret)
    ten = {"seen": NOW, "created": NOW - 10 * MINUTE, "version": version}
    section("change: a value", **start, **there, record=plain(data=TABLE), do="set n as u64", rng=again, events="",
            stored=record(V, **ten, data=entry(b"cart", VALUES["struct"]) + entry(b"n", VALUES["u64"])), set_cookie="none")
    base = {"base": "change: a value", "rng": again}
    section("change: none", **base, do="set n as u32", events="", stored=plain(data=TABLE, seen=NOW), set_cookie="none")
    section("change: a value removed", **base, do="remove cart", events="",
            stored=record(V, **ten, data=entry(b"n", VALUES["u32"])), set_cookie="none")
    just_now = {"login": 1, "salt": version, "seen": NOW, "created": NOW, "subject": (NOW, b"ann"),
                "previous": (V, 0, seal(A, ID, HANDLE, SECRET, next_secret))}
    section("change: a login over data", **base, record=plain(data=entry(b"\0flash", VALUES["text"]) + TABLE), do="login ann",
            events="LoggedIn", set_cookie=header(next_value),
            stored=record(next_verifier, version=version, **just_now, data=TABLE))
    section("change: a second login over the same cookie", **base, record=record(next_verifier, version=bytes(8), **just_now, data=TABLE),
            do="login ann", events="Replaced LoggedIn", set_cookie=header(next_value),
            stored=record(next_verifier, version=version, **just_now, data=TABLE))
    section("change: rotate", **base, do="rotate", events="Rotated",
            stored=record(next_verifier, **ten, salt=version, rotated=NOW, data=TABLE),
            set_cookie=header(next_value, age=12 * HOUR - 10 * MINUTE))

    hour_ago = {"seen": NOW - MINUTE, "created": NOW - HOUR}
    renewed = {"version": version, "seen": NOW, "created": NOW - HOUR, "rotated": NOW, "data": TABLE}
    section("change: renewal after an hour", **base, record=plain(**hour_ago, data=TABLE), do="nothing", events="Renewed",
            stored=record(next_verifier, **renewed, previous=(V, NOW + MINUTE, seal(A, ID, HANDLE, SECRET, next_secret))),
            set_cookie=header(next_value, age=11 * HOUR))
    section("change: renewal under a new first key", **base, keys=f"{B.hex()} {A.hex()}", record=plain(**hour_ago, data=TABLE),
            do="nothing", events="Renewed", set_cookie=header(cookie(B, ID, HANDLE, next_secret), age=11 * HOUR),
            stored=record(verifier(B, ID, HANDLE, next_secret), **renewed,
                          previous=(V, NOW + MINUTE, seal(A, ID, HANDLE, SECRET, next_secret))))
    before = verifier(A, ID, HANDLE, OLD)
    sealed = {"previous": (before, NOW, seal(A, ID, HANDLE, OLD, SECRET)), "rotated": NOW - MINUTE}
    section("change: sealed_next is gone after the grace", **base, record=plain(**sealed, data=TABLE), do="remove cart",
            events="", stored=record(V, **ten, previous=(before, NOW, bytes(16)), rotated=NOW - MINUTE,
                                     data=entry(b"n", VALUES["u32"])), set_cookie="none")
    section("change: logout", **base, do="logout", events="Ended", stored="none",
            set_cookie="id=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax")


def csrf_tokens():
    chapter("CSRF tokens")
    mask = random("mask", 16)
    good = csrf(A, ID, HANDLE, SALTY, mask)
    base = {"base": "csrf: made"}
    section("csrf: made", base="record: every part", rng=mask + bytes(16), csrf=good, csrf_ok="yes")
    section("csrf: another mask", **base, csrf=csrf(A, ID, HANDLE, SALTY, bytes(16)), csrf_ok="yes", rng=bytes(32))
    section("csrf: another key of the ring", **base, keys=f"{A.hex()} {B.hex()}", csrf=csrf(B, ID, HANDLE, SALTY, mask),
            csrf_ok="yes", rng="")
    for title, token in (
        ("a key not in the ring", csrf(B, ID, HANDLE, SALTY, mask)),
        ("another session", csrf(A, ID, random("another handle", 8), SALTY, mask)),
        ("before the login", csrf(A, ID, HANDLE, bytes(8), mask)),
        ("another cookie name", csrf(A, HOST, HANDLE, SALTY, mask)),
        ("no bytes", ""),
        ("cut", good[:42]),
        ("longer", good + "A"),
        ("padded", good + "="),
        ("unused bits", good[:42] + chr(ord(good[42]) + 1)),
        ("alphabet of base64", good[:20] + "+" + good[21:]),
        ("mask and nothing", base64url(mask + bytes(16))),
        ("the cookie", T),
    ):
        section(f"csrf: refused: {title}", **base, csrf=token, csrf_ok="no", rng="")


def bindings():
    chapter("Fingerprints. `fingerprint` is what the request has; events are of those that are not what was bound.")
    bound = b"Firefox, 192.0.2"
    base = {"base": "record: every part", "record": full(binding=binding(bound))}
    section("binding: the same", **base, fingerprint=bound, binding_ok="yes", events="")
    for title, other in (
        ("another", b"Firefox, 198.51.100"), ("none", b""), ("cut", bound[:-1]), ("longer", bound + b"\0"),
        ("other letters", bound.lower()), ("the digest", binding(bound)),
    ):
        section(f"binding: {title}", **base, fingerprint=other, binding_ok="no", events="Mismatch")
    section("binding: to nothing", **base | {"record": full(binding=None)}, fingerprint=bound, binding_ok="yes", events="")


def mark(name, nonce, replaced=0, version=bytes(8), end=0, seen=0):
    created, rotated = nonce[:6], nonce[6:]
    bytes_ = bytes([2, OWN]) + version + struct.pack("<I", replaced + 1) + u48(seen) + u48(0) + u48(end)
    return bytes_ + name + created + rotated


def sealed_cookies():
    chapter("Sealed cookies. `mark` is what the store has: a handle and a record.")
    names, all_, own = random("names", 16), random("everybody's nonce", 12), random("ann's nonce", 12)
    at, name = mark_name(names, b"ann")
    line = lambda handle, record: f"{handle.hex()} {record.hex()}"
    ours, everybodys = line(at, mark(name, own)), line(EVERYBODY, mark(names, all_))
    marks = {"mark": [everybodys, ours]}
    anonymous, signed = proof(all_), proof(all_, own)
    plain_ = lambda **changes: plain(**{"verifier": anonymous} | changes)
    mine = plain(verifier=signed, login=1, subject=(NOW - 10 * MINUTE, b"ann"), data=TABLE)
    raw = sealed(A, ID, HANDLE, mine)
    value = base64url(raw)
    section(
        "sealed: accepted", mode="sealed", keys=A.hex(), policy="plain", now=NOW, line=f"id={value}", **marks, **ACCEPTED,
        subject="ann", authenticated=NOW - 10 * MINUTE, created=NOW - 10 * MINUTE, last_seen=NOW - MINUTE,
        expires_in=29 * MINUTE, data_keys="cart n", value=["cart as struct", "n as u32"], clash="n as u16",
        set_cookie="none",
    )
    base = {"base": "sealed: accepted"}
    section("sealed: second key of the ring", **base, keys=f"{B.hex()} {A.hex()}", **ACCEPTED)
    section("sealed: after a forged one", **base, line=f"id=x; id={value}", session="yes", events="Forged")
    host = base64url(sealed(A, HOST, HANDLE, mine))
    section("sealed: for https", **base, policy="secure", line=f"__Host-id={host}", **ACCEPTED)

    def refused(title, value, events="Forged", **more):
        value = base64url(value) if isinstance(value, bytes) else value
        section(f"sealed: refused: {title}", **base, line=f"id={value}", session="none", events=events, **more)

    def changed(at, mask):
        return raw[:at] + bytes([raw[at] ^ mask]) + raw[at + 1 :]

    parts = {"nonce": (0, 24), "tag": (24, 40), "handle": (40, 48), "record": (48, len(raw))}
    for part, (start, end) in parts.items():
        refused(f"first bit of the {part}", changed(start, 0x80))
        refused(f"last bit of the {part}", changed(end - 1, 1))
        refused(f"without the {part}", raw[:start] + raw[end:])
    refused("one character less", value[:-1])
    refused("one character more", value + "A")
    refused("four characters more", value + "AAAA")
    refused("padded", value + "=")
    refused("64 characters", value[:64])
    refused("nothing", "")
    refused("alphabet of base64", value[:10] + "+" + value[11:])
    refused("4,097 characters", "A" * 4097)
    refused("handle of another session", raw[:40] + random("another handle", 8) + raw[48:])
    refused("a key not in the ring", sealed(B, ID, HANDLE, mine))
    section("sealed: refused: a retired key", **base, keys=f"{B.hex()} {C.hex()}", **REFUSED)
    refused("for another cookie name", host)
    refused("the subkey for csrf", sealed(A, ID, HANDLE, mine, use=b"csrf"))
    refused("the key of nonces", sealed(A, ID, HANDLE, mine, label=b"sealed nonce"))
    refused("the id of a stored session", T)
    refused("another format", sealed(A, ID, HANDLE, plain_(format=1)), events="Corrupt")
    refused("a record that is cut", sealed(A, ID, HANDLE, mine[:-1]), events="Corrupt")
    refused("idle", sealed(A, ID, HANDLE, plain_(seen=NOW - 30 * MINUTE)), events="Expired")
    refused("past its absolute end", sealed(A, ID, HANDLE, plain_(created=NOW - 12 * HOUR)), events="Expired")
    section("sealed: last seen a minute ahead", **base, line=f"id={base64url(sealed(A, ID, HANDLE, plain_(seen=NOW + MINUTE)))}",
            **ACCEPTED, subject="none", authenticated="none", last_seen=NOW + MINUTE, expires_in=31 * MINUTE, data_keys="",
            value="", clash="")
    refused("last seen further ahead", sealed(A, ID, HANDLE, plain_(seen=NOW + MINUTE + 1)), events="Expired")
    ahead = plain_(seen=NOW, created=NOW + MINUTE + 1, end=NOW + HOUR)
    refused("begun further ahead", sealed(A, ID, HANDLE, ahead), events="Expired")
    section("sealed: refused: where sessions are stored", **base, mode="stored", **REFUSED)

    gone = {"session": "none", "events": "Unknown"}
    other = random("another nonce", 12)
    there = lambda *lines: {"mark": list(lines)}
    section("sealed: refused: signed out", **base, **there(everybodys, line(at, mark(name, other, 2))), **gone)
    section("sealed: refused: everybody signed out", **base, **there(line(EVERYBODY, mark(names, other, 2)), ours), **gone)
    section("sealed: refused: the subject's mark is lost", **base, **there(everybodys), **gone)
    section("sealed: refused: everybody's mark is lost", **base, **there(ours), **gone)
    section("sealed: refused: another subject's mark", **base, **there(everybodys, line(at, mark(bytes(16), own))), **gone)
    visitor = base64url(sealed(A, ID, HANDLE, plain(verifier=proof(bytes(12)))))
    section("sealed: a visitor before anybody signed in", **base, mark=[], line=f"id={visitor}", **ACCEPTED, subject="none",
            authenticated="none", data_keys="", value="", clash="")
    section("sealed: a visitor, and nobody was signed out", **base, line=f"id={visitor}",
            **there(line(EVERYBODY, mark(names, bytes(12)))), **ACCEPTED, subject="none", authenticated="none", data_keys="",
            value="", clash="")
    section("sealed: refused: a visitor, and everybody was signed out", **base, line=f"id={visitor}", **there(everybodys), **gone)

    version, drawn = random("next version", 8), random("drawn handle", 8)
    rng = drawn + SECRET + version
    header = lambda value, age=12 * HOUR: f"id={value}; Max-Age={age // 1000}; Path=/; HttpOnly; SameSite=Lax"
    fresh = {"version": version, "seen": NOW, "created": NOW}
    start = {"mode": "sealed", "keys": A.hex(), "policy": "plain", "now": NOW, **marks}

    def made(key=A, handle=drawn, verifier=anonymous, age=12 * HOUR, **changes):
        return {"set_cookie": header(base64url(sealed(key, ID, handle, record(verifier, **fresh | changes))), age)}

    section("seal: a first value", **start, do="set n as u32", rng=rng, events="Created",
            **made(data=entry(b"n", VALUES["u32"])))
    section("seal: a login", **start, do="login ann", rng=rng, events="Created LoggedIn",
            **made(login=1, salt=version, subject=(NOW, b"ann"), verifier=signed))
    ours = {"verifier": signed, "handle": HANDLE, "login": 1, "subject": (NOW - 10 * MINUTE, b"ann"), "created": NOW - 10 * MINUTE}
    left = 12 * HOUR - 10 * MINUTE
    change = {**base, "rng": rng, "events": ""}
    section("seal: a change", **change, do="remove cart", **made(**ours, age=left, data=entry(b"n", VALUES["u32"])))
    section("seal: a touch", **change, do="nothing", **made(**ours, age=left, version=VERSION, data=TABLE))
    section("seal: a change, by the first key of the ring", **change, keys=f"{B.hex()} {A.hex()}", do="remove cart",
            **made(key=B, **ours, age=left, data=entry(b"n", VALUES["u32"])))

    def fresh_mark(purpose, at, old, now=NOW):
        """A MAC under the key that seals"""
        return mac(subkey(A, b"seal", ID), b"mark" + purpose + at + old + struct.pack("<Q", now))

    next_ = fresh_mark(b"nonce", at, own)[:12]
    section("seal: a logout", **base, rng="", do="logout", events="Ended", stored_under=at,
            stored=mark(name, next_, 2, fresh_mark(b"version", at, next_)[:8], 0, NOW),
            set_cookie="id=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax")
    first = fresh_mark(b"nonce", at, version)[:12]
    section("seal: a first login", **start | there(everybodys), do="login ann", rng=rng, events="Created LoggedIn",
            stored_under=at, stored=mark(name, first, 0, fresh_mark(b"version", at, first)[:8], NOW + 12 * HOUR, NOW),
            **made(login=1, salt=version, subject=(NOW, b"ann"), verifier=proof(all_, first)))


def data_at_rest():
    chapter("Data at rest")

    def case(title, whole, data=b"", sealed=None, **more):
        lies = at_rest(A, HANDLE, whole, len(whole) - len(data)) if sealed is None else sealed
        section(f"at rest: {title}", **{"keys": A.hex(), "handle": HANDLE, "record": whole, "lies": lies, "now": NOW} | more)

    login = {"login": 1, "subject": (NOW - 10 * MINUTE, b"ann")}
    mine = plain(**login, data=TABLE)
    case("a record", mine, TABLE)
    case("without data", plain(**login))
    case("an anonymous one", plain(data=TABLE), TABLE)
    by_a = at_rest(A, HANDLE, mine, len(mine) - len(TABLE))
    touched = lambda bytes_: bytes_[:14] + u48(NOW) + bytes_[20:]
    case("refused: not sealed", mine, sealed=mine, record=b"")
    case("refused: another handle", mine, sealed=at_rest(A, random("drawn handle", 8), mine, len(mine) - len(TABLE)), record=b"")
    case("refused: a key not in the ring", mine, sealed=at_rest(B, HANDLE, mine, len(mine) - len(TABLE)), record=b"")
    case("refused: under the key of nonces", mine, record=b"",
         sealed=at_rest(A, HANDLE, mine, len(mine) - len(TABLE), label=b"nonce at rest"))
    case("refused: another subject", mine, sealed=by_a.replace(b"ann", b"bob"), record=b"")
    case("refused: cut", mine, sealed=by_a[:-1], record=b"")
    case("refused: longer", mine, sealed=by_a + b"x", record=b"")
    section("at rest: opened: second key of the ring", base="at rest: a record", keys=f"{B.hex()} {A.hex()}")
    section("at rest: opened: touched since", base="at rest: a record", lies=touched(by_a), record=touched(mine))


def devices():
    chapter("Device-bound sessions: proofs hold for ten minutes, and the endpoint is /device-session")
    secret, other = (int.from_bytes(random(f"device {n}", 32), "big") % ORDER for n in (1, 2))
    key = public(secret)
    of_host = {"verifier": verifier(A, HOST, HANDLE, SECRET), "salt": SALTY, "login": 3, "subject": (NOW - 10 * MINUTE, b"ann")}
    unbound = plain(**of_host)
    mine = plain(**of_host, device=(key, 0))
    line = f"__Host-id={cookie(A, HOST, HANDLE, SECRET)}"
    base = {"keys": A.hex(), "policy": "secure", "now": NOW, "handle": HANDLE, "line": line}
    attributes = "Path=/; HttpOnly; SameSite=Lax; Secure"

    def instructions(ring):
        return (
            f'{{"session_identifier":"{identifier(HOST)}","refresh_url":"/device-session?s={refresh_name(ring, HOST, HANDLE)}",'
            '"scope":{"include_site":false},"allowed_refresh_initiators":["*"],'
            f'"credentials":[{{"type":"cookie","name":"__Host-id-b","attributes":"{attributes}"}}]}}'
        )

    def proven(ring=A, body="", device=key, now=NOW):
        set_cookie = f"__Host-id-b={bound(ring, HOST, HANDLE, device, now)}; Max-Age=600; {attributes}"
        return again(ring, now) | {"reply": "proven", "set_cookie": set_cookie, "body": body}

    def again(ring=A, now=NOW):
        return {"reply": "challenge", "challenge": f'"{challenge(ring, HOST, HANDLE, now)}";id="{identifier(HOST)}"'}

    refused = {"reply": "refused"}

    # the login number grows by one
    asked = f'(ES256);path="/device-session";challenge="{registration(A, HOST, HANDLE, 4, NOW)}"'
    section("device login: over a session", **base, record=unbound, rng=random("a login", 32), registration=asked)
    both = f"{line}; __Host-id-b={bound(A, HOST, HANDLE, key, NOW)}"
    section("device login: over a bound session", **base | {"line": both}, record=plain(**of_host, device=(key, NOW)),
            rng=random("a login", 32), registration=asked)

    def register(title, made, expected, **more):
        section(f"device registration: {title}", **base | {"record": unbound, "proof": made, "rng": random("a write", 32)} | expected | more)

    asked = registration(A, HOST, HANDLE, 3, NOW - MINUTE)
    good = jwt(secret, asked, registers=True)
    register("accepted", good, proven(body=instructions(A)), bound=key)
    register("in quotes", f'"{good}"', proven(body=instructions(A)), bound=key)
    register("a high s", jwt(secret, asked, registers=True, high=True), proven(body=instructions(A)), bound=key)
    register("another key signs by now", good, proven(B, instructions(B)), keys=f"{B.hex()} {A.hex()}", bound=key)
    register("the same again, with its proof", good, proven(body=instructions(A)), record=mine, bound=key,
             line=f"{line}; __Host-id-b={bound(A, HOST, HANDLE, key, NOW)}")
    for title, made, more in (
        ("of another login", jwt(secret, registration(A, HOST, HANDLE, 2, NOW), registers=True), {}),
        ("of another session", jwt(secret, registration(A, HOST, random("another handle", 8), 3, NOW), registers=True), {}),
        ("too old", jwt(secret, registration(A, HOST, HANDLE, 3, NOW - 2 * MINUTE), registers=True), {}),
        ("from the future", jwt(secret, registration(A, HOST, HANDLE, 3, NOW + MINUTE + 1), registers=True), {}),
        ("the challenge of a refresh", jwt(secret, challenge(A, HOST, HANDLE, NOW), registers=True), {}),
        ("of another cookie name", jwt(secret, registration(A, "__Host-x", HANDLE, 3, NOW), registers=True), {}),
        ("a key not in the ring", jwt(secret, registration(B, HOST, HANDLE, 3, NOW), registers=True), {}),
        ("without a key", jwt(secret, asked), {}),
        ("another algorithm", jwt(secret, asked, registers=True, algorithm="RS256"), {}),
        ("signed by another key", good.rsplit(".", 1)[0] + "." + jwt(other, asked, registers=True).rsplit(".", 1)[1], {}),
        ("of a session that is bound to another key", good, {
            "record": plain(**of_host, device=(public(other), 0)),
            "line": f"{line}; __Host-id-b={bound(A, HOST, HANDLE, public(other), NOW)}"}),
        ("of a visitor", jwt(secret, registration(A, HOST, HANDLE, 0, NOW), registers=True),
         {"record": plain(verifier=verifier(A, HOST, HANDLE, SECRET))}),
        ("without a cookie", good, {"line": ""}),
        ("without a proof", "", {}),
    ):
        register(f"refused: {title}", made, refused, **more)

    def refresh(title, made, expected, **more):
        query = "s=" + refresh_name(A, HOST, HANDLE)
        section(f"device refresh: {title}", **base | {"record": mine, "query": query, "proof": made, "line": ""} | expected | more)

    asked = challenge(A, HOST, HANDLE, NOW - 10 * MINUTE)
    good = jwt(secret, asked)
    refresh("accepted", good, proven())
    refresh("with the cookie", good, proven(), line=line)
    refresh("a high s", jwt(secret, asked, high=True), proven())
    refresh("another key signs by now", good, proven(B, instructions(B)), keys=f"{B.hex()} {A.hex()}")
    refresh("asked for a proof", "", again())
    for title, at in (("too old", NOW - 11 * MINUTE), ("from the future", NOW + MINUTE + 1)):
        refresh(f"asked again: {title}", jwt(secret, challenge(A, HOST, HANDLE, at)), again())
    refresh("asked again: the challenge of a registration", jwt(secret, registration(A, HOST, HANDLE, 3, NOW)), again())
    refresh("asked again: the challenge of another session", jwt(secret, challenge(A, HOST, random("another handle", 8), NOW)), again())
    refresh("at the last moment", jwt(secret, challenge(A, HOST, HANDLE, NOW - 11 * MINUTE + 1)), proven())
    refresh("refused: signed by another key", jwt(other, asked), refused)
    refresh("refused: it registers a key", jwt(secret, asked, registers=True), refused)
    refresh("refused: not bound", good, refused, record=unbound)
    refresh("refused: over", good, refused, record=plain(**of_host, device=(key, 0), seen=NOW - 30 * MINUTE))
    refresh("refused: a key not in the ring", good, refused, keys=B.hex())
    refresh("refused: the URL of another session", good, refused,
            query="s=" + base64url(random("another handle", 8) + mac(subkey(A, b"device", HOST), b"u" + HANDLE)[:8]))
    refresh("refused: no URL of a session", good, refused, query="")
    elsewhere = random("another handle", 8)
    refresh("refused: the cookie of another session", good, refused, line=f"__Host-id={cookie(A, HOST, elsewhere, SECRET)}")

    def visit(title, value, verdict, **more):
        lines = f"{line}; __Host-id-b={value}"
        section(f"device visit: {title}", **base | {"record": mine, "line": lines, "verdict": verdict} | more)

    made = lambda age: bound(A, HOST, HANDLE, key, NOW - age)
    visit("proven", made(5 * MINUTE), f"proven {NOW - 5 * MINUTE}")
    visit("proven at the last moment", made(10 * MINUTE + 4_999), f"proven {NOW - 10 * MINUTE - 4_999}")
    visit("over", made(10 * MINUTE + 5_000), "missing")
    visit("from the future", made(-MINUTE - 1), "missing")
    visit("a minute ahead", made(-MINUTE), f"proven {NOW + MINUTE}")
    visit("the best of two", f"{made(2 * MINUTE)}; __Host-id-b={made(MINUTE)}", f"proven {NOW - MINUTE}")
    visit("second key of the ring", made(0), f"proven {NOW}", keys=f"{B.hex()} {A.hex()}")
    visit("a key not in the ring", bound(B, HOST, HANDLE, key, NOW), "missing")
    visit("of another device", bound(A, HOST, HANDLE, public(other), NOW), "missing")
    visit("of another session", bound(A, HOST, elsewhere, key, NOW), "missing")
    visit("a challenge", challenge(A, HOST, HANDLE, NOW), "missing")
    visit("none", "", "missing")
    new = {"created": NOW - MINUTE + 1}
    visit("settling", "", "settling", record=plain(**of_host, **new, device=(key, 0)))
    visit("settled", "", "missing", record=plain(**of_host, created=NOW - MINUTE, device=(key, 0)))
    visit("unbound", made(0), "unbound", record=unbound)


def main():
    for line in HEAD.splitlines():
        say(f"# {line}".rstrip())
    for part in (subkeys, signing_keys, cookies, verdicts, records, values, written, bindings, csrf_tokens, sealed_cookies, data_at_rest, devices):
        part()
    made, path = "\n".join(LINES) + "\n", Path(__file__).with_name("vectors.txt")
    if sys.argv[1:] == ["--check"]:
        if path.read_text(encoding="utf-8") != made:
            sys.exit("vectors.txt is not what generate.py writes")
    else:
        path.write_text(made, encoding="utf-8", newline="\n")


main()
