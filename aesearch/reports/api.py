"""A page on an API, from what it says of itself (OpenAPI): it loads nothing, and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aesearch.reports.page import render_page

METHODS = ("get", "post", "put", "patch", "delete")


class Field(NamedTuple):
    """A parameter, or a field of what travels."""

    name: str
    form: str
    says: str


class Operation(NamedTuple):
    """One route."""

    id: str
    method: str
    path: str
    says: str
    parameters: list[Field]
    body: list[str]
    answer: str


def api_page(described: Mapping[str, Any], data: str = "openapi.json") -> str:
    """Write the page.

    Parameters
    ----------
    described : mapping
        The OpenAPI document.
    data : str
        Where that is.
    """
    tags: dict[str, list[Operation]] = {}
    for tag, operation in _operations(described["paths"]):
        tags.setdefault(tag, []).append(operation)
    schemas = [
        (name, one.get("description", "").partition("\n")[0], list(_fields(one)))
        for name, one in described["components"]["schemas"].items()
    ]
    info = described["info"]
    return render_page(
        "api.html",
        f"{info['title']} {info['version']}",
        styles=["api.css"],
        summary=info.get("summary", ""),
        data=data,
        tags=list(tags.items()),
        schemas=sorted(schemas),
    )


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in paths.items():
        for method, one in ((name, methods[name]) for name in METHODS if name in methods):
            body = one.get("requestBody", {}).get("content", {})
            yield (
                one.get("tags", [""])[0],
                Operation(
                    one["operationId"],
                    method.upper(),
                    path,
                    one.get("description", ""),
                    [_field(p["name"], p["schema"], p) for p in one.get("parameters", ())],
                    [name for kind in body.values() if (name := _name_of(kind.get("schema", {})))],
                    _answer(one["responses"]),
                ),
            )


def _answer(responses: Mapping[str, Any]) -> str:
    """The name of what is answered where nothing went wrong; "" where it has none."""
    fine = (answer for status, answer in responses.items() if status.startswith("2"))
    kinds = (kind for answer in fine for kind in answer.get("content", {}).values())
    return next(filter(None, (_name_of(kind.get("schema", {})) for kind in kinds)), "")


def _fields(schema: Mapping[str, Any]) -> Iterator[Field]:
    for name, one in schema.get("properties", {}).items():
        yield _field(name, one, one)


def _field(name: str, schema: Mapping[str, Any], about: Mapping[str, Any]) -> Field:
    form = _form(schema)
    if schema.get("default") is not None:
        form += f", {schema['default']!r} by default"
    return Field(name, form, about.get("description", ""))


def _form(schema: Mapping[str, Any]) -> str:
    """What values there may be, in a few words."""
    if name := _name_of(schema):
        return name
    if several := schema.get("anyOf"):
        return " or ".join(_form(one) for one in several if one.get("type") != "null")
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_form(schema['items'])}" if kind == "array" and "items" in schema else kind


def _name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
