"""Protobuf descriptors without a protobuf library: read from a descriptor set, or cut out of Envoy's executable.

Envoy's binary carries the serialised FileDescriptorProto of every message it knows; that is the authority on numbers
and types for the version we run."""
import re

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# FileDescriptorProto, DescriptorProto, FieldDescriptorProto, ... : the field numbers used here.
TYPES = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 11: "message",
         12: "bytes", 13: "uint32", 14: "enum"}
LABELS = {1: "optional", 2: "required", 3: "repeated"}


class Malformed(ValueError):
    pass


def varint(data, at):
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise Malformed("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
    raise Malformed("varint too long")


def field(data, at):
    """(number, value, position behind it)"""
    tag, at = varint(data, at)
    number, wire = tag >> 3, tag & 7
    if wire == VARINT:
        value, at = varint(data, at)
    elif wire == BYTES:
        n, at = varint(data, at)
        value, at = data[at:at + n], at + n
    elif wire in (FIXED64, FIXED32):
        n = 8 if wire == FIXED64 else 4
        value, at = data[at:at + n], at + n
    else:
        raise Malformed(f"wire type {wire}")
    if at > len(data):
        raise Malformed("truncated")
    return number, value, at


def fields(data):
    """{number: [values]} of one message"""
    out, at = {}, 0
    while at < len(data):
        number, value, at = field(data, at)
        out.setdefault(number, []).append(value)
    return out


def text(message, number):
    return message[number][0].decode() if number in message else ""


def number(message, n, default=0):
    return message[n][0] if n in message else default


class Field:
    def __init__(self, raw, oneofs):
        f = fields(raw)
        self.name, self.number = text(f, 1), number(f, 3)
        self.label = LABELS[number(f, 4)]
        self.type = TYPES.get(number(f, 5), number(f, 5))
        self.type_name = text(f, 6)
        self.oneof = oneofs[number(f, 9)] if 9 in f else None
        self.deprecated = bool(number(fields(f[8][0]), 3)) if 8 in f else False

    def shape(self):
        return self.number, self.label, self.type, self.type_name, self.oneof


class Schema:
    """messages: {full name: {field name: Field}}, enums: {full name: {value name: number}}"""

    def __init__(self):
        self.messages, self.enums, self.files = {}, {}, {}

    def add_file(self, raw):
        f = fields(raw)
        package = text(f, 2)
        self.files[text(f, 1)] = text(f, 12)
        for m in f.get(4, []):
            self.add_message(package, m)
        for e in f.get(5, []):
            self.add_enum(package, e)

    def add_message(self, scope, raw):
        m = fields(raw)
        name = f"{scope}.{text(m, 1)}"
        oneofs = [text(fields(o), 1) for o in m.get(8, [])]
        self.messages[name] = {f.name: f for f in (Field(r, oneofs) for r in m.get(2, []))}
        for nested in m.get(3, []):
            self.add_message(name, nested)
        for e in m.get(4, []):
            self.add_enum(name, e)

    def add_enum(self, scope, raw):
        e = fields(raw)
        values = (fields(v) for v in e.get(2, []))
        self.enums[f"{scope}.{text(e, 1)}"] = {text(v, 1): number(v, 2) for v in values}


def of_set(data):
    """A Schema of a serialised FileDescriptorSet."""
    schema = Schema()
    for raw in fields(data).get(1, []):
        schema.add_file(raw)
    return schema


def file_extent(data, start):
    """End of the FileDescriptorProto that starts here, or None. Serialisers write fields in ascending order, and the
    last one of every file that matters here is syntax (12) = "proto3"."""
    at = start
    last = 0
    while True:
        try:
            n, value, at = field(data, at)
        except Malformed:
            return None
        if n < last or n > 12:
            return None
        last = n
        if n == 12:
            return at if value == b"proto3" else None


def of_binary(path):
    """A Schema of everything that the executable at |path| carries."""
    with open(path, "rb") as f:
        data = f.read()
    schema = Schema()
    for m in re.finditer(rb"\x0a([\x05-\x7f])([A-Za-z0-9_/.]+\.proto)(?=[\x12\x1a])", data):
        if len(m.group(2)) != m.group(1)[0]:
            continue
        end = file_extent(data, m.start())
        if end:
            try:
                schema.add_file(data[m.start():end])
            except (Malformed, KeyError, UnicodeDecodeError, IndexError):
                continue  # looked like a file, was none
    return schema
