"""Checkpoints as PyTorch writes them, and as somebody who means harm would: byte by byte, with
nothing but Python's own library.

usage: torch_file.py FOLDER; writes a file there for every row of HOSTILE below.
"""
import struct
import sys
import zlib

STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage",
            "I64": "LongStorage", "I32": "IntStorage", "U8": "ByteStorage"}
WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1}


# The pickle, instruction by instruction.

def text(s):
    data = s.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(i):
    if 0 <= i < 256:
        return b"K" + bytes([i])
    if 0 <= i < 65536:
        return b"M" + struct.pack("<H", i)
    if -2**31 <= i < 2**31:
        return b"J" + struct.pack("<i", i)
    n = (i.bit_length() + 8) // 8
    return b"\x8a" + bytes([n]) + i.to_bytes(n, "little", signed=True)


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def row(values):
    return b"(" + b"".join(integer(v) for v in values) + b"t"


def strides_of(shape):
    strides, step = [], 1
    for side in reversed(shape):
        strides.insert(0, step)
        step *= side
    return strides


ORDERED_DICT = name("collections", "OrderedDict") + b")R"


def tensor(key, dtype, numel, shape, strides=None, offset=0, storage=None, old=False):
    """a tensor over storage `key`, as _rebuild_tensor_v2 takes it"""
    pid = b"(" + text("storage") + name("torch", storage or STORAGES[dtype]) + text(key) \
        + text("cpu") + integer(numel) + (b"N" if old else b"") + b"tQ"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + pid + integer(offset) + row(shape) \
        + row(strides if strides is not None else strides_of(shape)) + b"\x89" + ORDERED_DICT \
        + b"tR"


def dictionary(pairs):
    """an OrderedDict, filled a thousand pairs at a time as the pickle module does"""
    out = ORDERED_DICT
    for i in range(0, len(pairs), 1000):
        out += b"(" + b"".join(text(k) + v for k, v in pairs[i:i + 1000]) + b"u"
    return out


def program(value):
    return b"\x80\x02" + value + b"."


# The archive: no member compressed, each one's data at a multiple of 64, a zip64 end.

def archive(members, method=0, lie=None):
    """members: (name, bytes); `lie` changes a directory entry, (index, dict) -> None"""
    out, entries = b"", []
    for i, (path, data) in enumerate(members):
        path = path.encode()
        at = len(out)
        room = -(at + 30 + len(path) + 4) % 64
        extra = b"FB" + struct.pack("<H", room) + b"Z" * room
        # sizes and checksum follow the data: the directory alone tells them
        out += struct.pack("<4s5H3I2H", b"PK\3\4", 0, 0x808, method, 0, 0, 0, 0, 0, len(path),
                           len(extra)) + path + extra + data
        crc = zlib.crc32(data)
        out += struct.pack("<4s3I", b"PK\7\x08", crc, len(data), len(data))
        e = {"name": path, "flags": 0x808, "method": method, "crc": crc, "packed": len(data),
             "size": len(data), "offset": at, "extra": b""}
        if lie:
            lie(i, e)
        entries.append(e)
    begin = len(out)
    for e in entries:
        out += struct.pack("<4s6H3I5H2I", b"PK\1\2", 0, 0, e["flags"], e["method"], 0, 0, e["crc"],
                           e["packed"], e["size"], len(e["name"]), len(e["extra"]), 0, 0, 0, 0,
                           e["offset"]) + e["name"] + e["extra"]
    size = len(out) - begin
    end64 = len(out)
    out += struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0, 45, 0, 0, len(entries), len(entries), size,
                       begin)
    out += struct.pack("<4sIQI", b"PK\6\7", 0, end64, 1)
    out += struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(entries), len(entries), size, begin, 0)
    return out


def checkpoint(value, storages, **options):
    """storages: key -> bytes"""
    members = [("archive/data.pkl", program(value)), ("archive/byteorder", b"little")]
    members += [("archive/data/" + k, d) for k, d in storages.items()]
    return archive(members + [("archive/version", b"3\n")], **options)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def save(path, tensors, wrap=None):
    """tensors: name -> (dtype, shape, bytes)"""
    pairs, storages = [], {}
    for i, (key, (dtype, shape, data)) in enumerate(tensors.items()):
        storages[str(i)] = data
        pairs.append((key, tensor(str(i), dtype, len(data) // WIDTHS[dtype], shape)))
    value = dictionary(pairs)
    if wrap:
        value = b"}(" + text(wrap) + value + text("epoch") + integer(3) + b"u"
    write(path, checkpoint(value, storages))


def save_old(path, tensors):
    """as before version 1.6"""
    pairs = [(key, tensor(str(i), dtype, len(data) // WIDTHS[dtype], shape, old=True))
             for i, (key, (dtype, shape, data)) in enumerate(tensors.items())]
    out = bytes([0x80, 2, 0x8a, 10]) + bytes.fromhex("6cfc9c46f9206aa85019") + b"."
    out += program(integer(1001))
    out += program(b"}(" + text("little_endian") + b"\x88u")
    out += program(dictionary(pairs))
    out += program(b"](" + b"".join(text(str(i)) for i in range(len(pairs))) + b"e")
    for dtype, _, data in tensors.values():
        out += struct.pack("<Q", len(data) // WIDTHS[dtype]) + data
    write(path, out)


# Harm.

FOUR = struct.pack("<4f", 1, 2, 3, 4)


def one(value, storages=None, **options):
    """a checkpoint of one tensor, x"""
    return checkpoint(dictionary([("x", value)]), storages or {"0": FOUR}, **options)


def lie(index, **changes):
    def change(i, entry):
        if i == index:
            entry.update(changes)
    return change


def sound():
    return one(tensor("0", "F32", 4, [2, 2]))


def patched(data, old, new):
    at = data.rindex(old)
    return data[:at] + new + data[at + len(old):]


def end64(**fields):
    """the sound file with a changed zip64 record"""
    data = sound()
    at = data.rindex(b"PK\6\6")
    record = list(struct.unpack("<4sQ2H2I4Q", data[at:at + 56]))
    for key, value in fields.items():
        record[{"count_here": 6, "count": 7, "size": 8, "offset": 9}[key]] = value
    return data[:at] + struct.pack("<4sQ2H2I4Q", *record) + data[at + 56:]


def saturated(count):
    """the classic end record says: see zip64, which claims `count` members"""
    data = end64(count_here=count, count=count)
    at = data.rindex(b"PK\5\6")
    return data[:at + 8] + b"\xff\xff\xff\xff" + data[at + 12:]


HOSTILE = {
    "sound": sound,
    # the pickle
    "system": lambda: checkpoint(name("posix", "system") + b"(" + text("id") + b"tR", {}),
    "eval": lambda: one(name("builtins", "eval") + b"(" + text("1") + b"tR"),
    "terminal": lambda: one(name("evil\x1b[2J", "x") + b")R"),
    "stack-global": lambda: one(text("posix") + text("system") + b"\x93"),
    "inst": lambda: one(b"(iposix\nsystem\n"),
    "newobj": lambda: one(name("collections", "OrderedDict") + b")\x81"),
    "reduce": lambda: one(name("collections", "OrderedDict") + b"(" + b"]t" + b"R"),
    "call-data": lambda: one(integer(1) + b")R"),
    "call-type": lambda: one(name("torch", "FloatStorage") + b")R"),
    "protocol": lambda: checkpoint(b"\x80\x05N", {}),
    "frame": lambda: one(b"\x95" + struct.pack("<Q", 2**63) + b"N"),
    "nested": lambda: one(b")" + b"\x85" * 100000),
    "lists": lambda: one(b"]" * 100000 + b"a" * 99999),
    "marks": lambda: one(b"(" * 100000),
    "memo": lambda: one(b"Nr\xff\xff\xff\xff"),
    "forgotten": lambda: one(b"h\x07"),
    "bomb": lambda: one(b"(" + b"K\1q\1" * 9000 + b"h\1" * 9000 + b"t"),
    "values": lambda: one(b"]" + (b"(" + b"N" * 10000 + b"e") * 60),
    "text": lambda: one(b"X\xff\xff\xff\xff"),
    "name": lambda: one(b"c" + b"a" * 100000 + b"\nb\n"),
    "underflow": lambda: one(b"(aa"),
    "unbalanced": lambda: checkpoint(b"NN", {}),
    "odd": lambda: checkpoint(b"}(NNNu", {}),
    "stop": lambda: checkpoint(b"", {}),
    "list": lambda: checkpoint(b"]", {}),
    "empty": lambda: checkpoint(b"}", {}),
    # tensors
    "dimensions": lambda: one(tensor("0", "F32", 4, [1] * 6)),
    "negative-shape": lambda: one(tensor("0", "F32", 4, [-2, -2])),
    "huge-shape": lambda: one(tensor("0", "F32", 4, [2**40, 2**40])),
    "negative-stride": lambda: one(tensor("0", "F32", 4, [2, 2], [-2, 1])),
    "huge-stride": lambda: one(tensor("0", "F32", 4, [2, 2], [2**62, 1])),
    "zero-stride": lambda: one(tensor("0", "F32", 4, [1000, 1000], [0, 0])),
    "out-of-range": lambda: one(tensor("0", "F32", 4, [2, 2], [3, 1])),
    "offset": lambda: one(tensor("0", "F32", 4, [2, 2], offset=1)),
    "negative-offset": lambda: one(tensor("0", "F32", 4, [2, 2], offset=-1)),
    "text-shape": lambda: one(tensor("0", "F32", 4, [4]).replace(row([4]), text("4"), 1)),
    "wide": lambda: one(tensor("0", "F32", 2**70, [2, 2])),
    "storage-size": lambda: one(tensor("0", "F32", 5, [2, 2])),
    "huge-storage": lambda: one(tensor("0", "F32", 2**62, [2, 2])),
    "no-storage": lambda: one(tensor("7", "F32", 4, [2, 2])),
    "path": lambda: one(tensor("../../etc/passwd", "F32", 4, [2, 2])),
    "double": lambda: one(tensor("0", "F32", 2, [2], storage="DoubleStorage")),
    "no-tensor": lambda: one(name("torch._utils", "_rebuild_parameter") + b"(NNNtR"),
    "twice": lambda: checkpoint(dictionary([("x", tensor("0", "F32", 4, [4]))] * 2), {"0": FOUR}),
    "memory": lambda: checkpoint(dictionary(
        [(f"x{i}", tensor("0", "F32", 10000, [100, 100], [1, 100])) for i in range(100)]),
        {"0": FOUR * 2500}),
    # the archive
    "compressed": lambda: one(tensor("0", "F32", 4, [4]), method=8),
    "encrypted": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, flags=0x809)),
    "two-sizes": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, packed=17)),
    "member-size": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, packed=1 << 30, size=1 << 30)),
    "member-offset": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, offset=1 << 30)),
    "member-place": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, offset=0)),
    "no-field": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(2, offset=0xffffffff)),
    "short-field": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(
        2, offset=0xffffffff, extra=struct.pack("<2HI", 1, 4, 0))),
    "far-field": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(
        2, offset=0xffffffff, extra=struct.pack("<2HQ", 1, 8, 2**63))),
    "overlap": lambda: one(tensor("0", "F32", 4, [4]), lie=lie(1, packed=200, size=200)),
    "duplicate": lambda: archive([("a/data.pkl", program(b"}")), ("a/data.pkl", program(b"]"))]),
    "dots": lambda: archive([("a/data.pkl", program(b"}")), ("a/../../x", b"")]),
    "absolute": lambda: archive([("a/data.pkl", program(b"}")), ("/x", b"")]),
    "nul": lambda: archive([("a/data.pkl", program(b"}")), ("a/x\0y", b"")]),
    "no-pickle": lambda: archive([("a/code.py", b"")]),
    "big-endian": lambda: patched(sound(), b"little", b"bigbig"),
    "zip64-count": lambda: end64(count_here=5, count=5),
    "zip64-offset": lambda: end64(offset=2**63),
    "zip64-huge": lambda: saturated(2**62),
    "zip64-more": lambda: saturated(5),
    "zip64-missing": lambda: patched(patched(saturated(4), b"PK\6\7", b"PKxx"), b"PK\6\6", b"PKxx"),
    "zip64-place": lambda: patched(sound(), b"PK\6\6", b"PKxx"),
    "disks": lambda: patched(sound(), b"PK\5\6\0", b"PK\5\6\1"),
    "cut": lambda: sound()[:-100],
    "cut-directory": lambda: patched(sound(), b"PK\1\2", b"PKxx"),
    # what came before the archive
    "old-magic": lambda: program(dictionary([("x", tensor("0", "F32", 4, [4]))])) + b"." * 9,
}


if __name__ == "__main__":
    for kind, make in HOSTILE.items():
        write(f"{sys.argv[1]}/{kind}.pt", make())
