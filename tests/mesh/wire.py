"""Protocol buffers as bytes, without descriptors: what the counterparts of the tests need of published messages."""


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def put(number, value):
    """A field: text, bytes (a message, too) or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    """{number: [values]}; bytes for messages and texts, numbers for varints, bytes for fixed ones."""
    out, at = {}, 0
    while at < len(data):
        key, at = read_varint(data, at)
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        else:
            if size is None:
                size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        out.setdefault(key >> 3, []).append(value)
    return out


def at(data, *path):
    """The first field found by going down these numbers; b"" when there is none."""
    for number in path:
        data = fields(data).get(number, [b""])[0] if data else b""
    return data


def text(data, *path):
    return at(data, *path).decode() if path else data.decode()


def mapping(data, number):
    """A map<string, string>."""
    pairs = (fields(entry) for entry in fields(data).get(number, []))
    return {p.get(1, [b""])[0].decode(): p.get(2, [b""])[0].decode() for p in pairs}


def otlp_value(data):
    """opentelemetry.proto.common.v1.AnyValue"""
    f = fields(data)
    if 5 in f:
        return [otlp_value(v) for v in fields(f[5][0]).get(1, [])]
    if 6 in f:
        return otlp_map(fields(f[6][0]).get(1, []))
    return f[1][0].decode() if 1 in f else f.get(3, f.get(2, [None]))[0]


def otlp_map(pairs):
    return {text(p, 1): otlp_value(at(p, 2)) for p in pairs}
