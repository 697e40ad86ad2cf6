"""JSON Schema of the site file, for editors: what pydantic makes of the models, brought to what a file may say.

A file may use short forms (`broker: embedded`), secrets from elsewhere, `${NAME}` for any value, and headings without
anything below them.
"""

from __future__ import annotations

from typing import Any

from workers.site.keys import NOT_WRITTEN
from workers.site.values import Site

__all__ = ["site_schema"]

# JSON has no better type.
Schema = dict[str, Any]

WHOLE_VARIABLE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"
SECRET = {"type": "string", "pattern": WHOLE_VARIABLE}
VARIABLE = {
    "description": "A value from the environment.",
    "type": "string",
    "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}",
}
BROKER_FORMS = [{"const": "embedded"}, {"type": "string", "pattern": "^(rediss?|unix)://|^\\$\\{"}]
# Limits within a union keep pydantic's names.
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}
HIDDEN = {model.__name__: keys for model, keys in NOT_WRITTEN.items()}


def site_schema() -> Schema:
    """Schema of a site file (draft 2020-12)."""
    made = Site.model_json_schema()
    known: Schema = made.pop("$defs")
    parts = {name: _mapping(name, part, known) for name, part in known.items() if "properties" in part}
    site = _mapping(Site.__name__, made, known)
    keys = site["properties"]
    keys["broker"]["anyOf"] = [*BROKER_FORMS, *keys["broker"]["anyOf"]]
    keys["telemetry"]["anyOf"] = [{"const": False}, *keys["telemetry"]["anyOf"]]
    # Names that the pattern does not match.
    keys["cameras"] |= {"minProperties": 1, "additionalProperties": False}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Site file of stillwatch"}
    return {**head, **site, "$defs": {**parts, "Variable": VARIABLE}}


def _mapping(name: str, schema: Schema, known: Schema) -> Schema:
    """The schema of a model, with the keys that a file writes."""
    hidden = HIDDEN.get(name, frozenset())
    keys: Schema = {}
    for key, value in schema["properties"].items():
        if key not in hidden:
            keys |= _key(key, value, known)
    required = [key for key in schema.get("required", ()) if key not in hidden]
    return {
        "type": "object",
        "description": schema["description"],
        "properties": keys,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _key(name: str, schema: Schema, known: Schema) -> Schema:
    """One key; for a secret also the key of its file."""
    choices = [_choice(choice, known) for choice in schema.get("anyOf", [schema])]
    part = known[choices[0]["$ref"].rpartition("/")[2]] if "$ref" in choices[0] else {}
    # pydantic leaves out what is the description of the model as well.
    said = {"description": schema.get("description") or part["description"]}
    if name in ("password", "secret"):
        file = {"description": f"File that holds the {name} in one line.", "type": "string", "minLength": 1}
        return {name: {**said, **SECRET}, f"{name}_file": file}
    default = schema.get("default")
    if default is not None and not isinstance(default, dict):
        said["default"] = default
    if part or "$ref" in choices[0].get("items", ()):
        choices.append({"type": "null"})  # a heading with nothing below it
    elif choices[0].get("type") not in ("string", "array", "object"):
        choices.append({"$ref": "#/$defs/Variable"})
    return {name: {**said, **choices[0]} if len(choices) == 1 else {**said, "anyOf": choices}}


def _choice(schema: Schema, known: Schema) -> Schema:
    """A type with its limits; a choice between words is written where it is made."""
    named = known.get(schema.get("$ref", "").rpartition("/")[2], {})
    if "enum" in named or "enum" in schema:
        return {"enum": named.get("enum") or schema["enum"]}
    kept = {key: value for key, value in schema.items() if key not in ("title", "description", "default", "format")}
    return {LIMITS.get(key, key): value for key, value in kept.items()}
