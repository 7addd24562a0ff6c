"""Cases that documents and the server see differently, each for a reason; loaded by schemathesis as hooks."""

from urllib.parse import unquote

import schemathesis


def values(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner)
    else:
        yield value


def items(container):
    return dict(container) if hasattr(container, "items") else {}


def is_flat(value):
    """Deeper values have no spelling in `deepObject`."""
    return not isinstance(value, dict) or not any(isinstance(inner, (dict, list)) for inner in value.values())


@schemathesis.hook
def filter_case(context, case):
    body = case.body
    if isinstance(body, (dict, list)):
        # JSON Schema calls 5.0 an integer; serde does not.
        if any(isinstance(value, float) and value.is_integer() for value in values(body)):
            return False
        is_form = case.media_type != "application/json" and not case.media_type.startswith("text/")
        # As text, one value and a list of one are the same, and a `null` is the text `null`.
        if is_form and isinstance(body, dict):
            if any(not isinstance(body.get(name, []), list) for name in ("ids", "tags")):
                return False
            if None in values(body.get("range")) or "null" in values(body.get("range")):
                return False
            # A list or an object without members is sent as nothing.
            if any(value in ([], {}) for name, value in body.items() if name not in ("ids", "tags")):
                return False
            if not all(is_flat(value) for value in body.values()):
                return False
        # An object in a multipart body is sent as JSON, whatever its `encoding` says.
        if case.media_type == "multipart/form-data" and "range" in body:
            return False
    for value in items(case.path_parameters).values():
        # HTTP clients send no control characters and no dot segments.
        text = unquote(str(value))
        if text in (".", "..") or any(ord(c) < 32 or 126 < ord(c) < 160 for c in text):
            return False
    for name, value in items(case.query).items():
        # A `null` in an object is sent as the text `null`.
        members = list(value.values()) if isinstance(value, dict) else [value] if name.endswith("]") else []
        if any(member in (None, "null", "") or isinstance(member, (dict, list)) for member in members):
            return False
    for value in items(case.headers).values():
        # A header without elements is an empty list (RFC 9110, 5.6.1).
        if value == "":
            return False
    return True
