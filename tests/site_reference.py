"""The reference of the site file and its JSON Schema, made from the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from workers.site.cameras import AlertOptions, Camera
from workers.site.keys import OWN_KEYS, default_of, expected, key_at, keys_of
from workers.site.schema import site_schema
from workers.site.services import Broker, Retention, ScorerOptions, Telemetry, Webhook
from workers.site.values import Site

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "site-file.md"
SCHEMA = ROOT / "configs" / "site.schema.json"

HEAD = """# The site file

What there is to watch, how, and where all of it goes, in one YAML file that every command takes as `-c SITE.yaml`. The
tables are made from the code by `python -m tests.reference`; a stale page fails the tests.

```yaml
storage: /var/lib/stillwatch
defaults: {fps: 5, alert: {cooldown_s: 20}}
cameras:
  gate:
    source: rtsp://gate.lan/stream1
    username: viewer
    password_file: secrets/gate
  dock:
    source: recordings/dock.mp4
    pace: fast
webhooks: [{url: https://ops.lan/hook, secret_file: secrets/hook}]
```

Three more to start from: [one recording](../../configs/recording.yaml), [cameras on one
machine](../../configs/cameras.yaml), [many machines](../../configs/machines.yaml). An editor that knows YAML schemas
completes and checks keys with [its JSON Schema](../../configs/site.schema.json), which the first line of each names.

- **Paths** are relative to the folder of the file; `~` is the home folder.
- **`defaults`** holds what cameras have in common: any key of a camera but `source`, `username`, `password` and
  `password_file`. A camera's own word wins; `alert` is merged key by key.
- **Environment**: `${NAME}` stands for a variable, `${NAME:-DEFAULT}` for one that may be unset or empty, `$${` for the
  letters `${`, in every value. Between `{` and `}` of YAML it needs quotes: `{password: "${NAME}"}`.
- **Secrets** are never written out: `password: ${NAME}`, or `password_file: PATH`, a file of one line that only its
  owner can read. They stand in no address either.
- **Errors** are told all at once, one line each, with the line of the file. Unknown keys are errors. YAML's anchors and
  `<<` work; a key that is there twice is an error.
- A heading with nothing below it means the defaults.
"""
SECTIONS: tuple[tuple[str, str, type[BaseModel], tuple[str | int, ...]], ...] = (
    ("The file", "", Site, ()),
    ("cameras: NAME:", "", Camera, ("cameras", "NAME")),
    ("alert: of a camera", "", AlertOptions, ("defaults", "alert")),
    ("broker:", "`broker: embedded` and `broker: ADDRESS` are short forms.", Broker, ("broker",)),
    ("scorer:", "", ScorerOptions, ("scorer",)),
    ("webhooks: a list of", "", Webhook, ("webhooks", 0)),
    ("retention:", "", Retention, ("retention",)),
    ("telemetry:", "`telemetry: false` serves nothing.", Telemetry, ("telemetry",)),
)


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *("\n".join(_section(*section)) for section in SECTIONS)])


def schema() -> str:
    """The JSON Schema, as it is written."""
    return json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"


def _section(title: str, more: str, model: type[BaseModel], place: tuple[str | int, ...]) -> Iterator[str]:
    yield f"## {title}\n\n{model.__doc__}{' ' + more if more else ''}\n\n| key | takes | default | |\n|---|---|---|---|"
    for name in keys_of(model):
        field = model.model_fields.get(name)
        if field is None:
            yield f"| `{name}` | a path | | File that holds the {name.removesuffix('_file')} in one line. |"
            continue
        own = " Not in `defaults`." if model is Camera and name in OWN_KEYS else ""
        yield f"| `{name}` | {_takes((*place, name))} | {_default(field)} | {field.description}{own} |"
    yield ""


def _takes(place: tuple[str | int, ...]) -> str:
    key = key_at(place)
    assert key is not None
    return "`${NAME}`" if key.kind is SecretStr else expected(key)


def _default(field: FieldInfo) -> str:
    default = default_of(field)
    return "required" if field.is_required() else f"`{default}`" if default else ""
