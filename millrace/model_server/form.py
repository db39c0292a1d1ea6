"""A page to try a model by hand: a field a column, and the model's answer. It has no script and asks no other host."""

import base64
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Optional
from urllib.parse import parse_qsl, quote

from millrace.model_server import json_rows
from millrace.model_server.about import About, ModelColumn
from millrace.model_server.example_row import JSON_SIGNATURE, example_row, request_body
from millrace.model_server.servable import Servable

Ask = Callable[[str, str], tuple[int, dict[str, Any]]]

_STYLE = Path(__file__).with_name("form.css").read_text(encoding="utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What goes along with the page: nothing but its own style is loaded, and it sends to nobody else."""


def page(servable: Servable, others: Sequence[str], address: str, body: Optional[bytes], ask: Ask) -> str:
    """The page, with an answer where a form was sent.

    Args:
        servable: the model.
        others: the names of the other models that are served.
        address: where this server answers, such as `http://127.0.0.1:8501`.
        body: of the form, as a browser sends it; None where none was.
        ask: posts a body to a path, as any client does; gives the status and the JSON.

    Returns:
        HTML.
    """
    about = servable.about
    path = f"/v1/models/{quote(servable.name, safe='')}/versions/{servable.version}"
    infos = servable.signatures[JSON_SIGNATURE].inputs if JSON_SIGNATURE in servable.signatures else {}
    if about is None or not json_rows.takes(about, infos):
        parts = [f'<section><p>This model has no signature that takes a value a column; <a href="{path}/metadata">its '
                 "signatures</a> say what it takes.</p></section>"]  # fmt: skip
        return _document(servable, others, parts)
    typed = None if body is None else dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    row = example_row(servable.path, about) if typed is None else _row(typed, about)
    fields = (
        _texts(row, about) if typed is None else {column.name: typed.get(column.input, "") for column in about.columns}
    )
    parts = [] if typed is None else [_answer(ask, path, about, row)]
    parts += [_form(servable, about, fields), _command(address, path, about, row)]
    return _document(servable, others, parts)


def _row(typed: Mapping[str, str], about: About) -> dict[str, Any]:
    """What was typed as a client would send it; nothing where a field is empty."""
    return {column.name: _typed_value(typed.get(column.input, "").strip(), column) for column in about.columns}


def _typed_value(text: str, column: ModelColumn) -> Any:
    if not text:
        return None
    if column.image:
        return {"b64": "".join(text.split())}
    if column.values == 1:
        return text if column.type == "BYTES" else _number(text)
    if column.type == "BYTES":
        return [line.strip() for line in text.splitlines() if line.strip()]
    return [_number(part) for part in text.replace(",", " ").split()]


def _number(text: str) -> Any:
    """A number; a text that is none stays one, which the reader of rows then says."""
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except ValueError:
        return text


def _texts(row: Mapping[str, Any], about: About) -> dict[str, str]:
    """A row's values as a person types them."""
    texts = {}
    for column in about.columns:
        value = row[column.name]
        between = "\n" if column.type == "BYTES" else ", "
        values = value if isinstance(value, list) else [] if value is None else [value]
        texts[column.name] = between.join(
            str(one["b64"]) if isinstance(one, dict) else "" if one is None else str(one) for one in values
        )
    return texts


def _answer(ask: Ask, path: str, about: About, row: dict[str, Any]) -> str:
    status, value = ask(f"{path}:predict", request_body(row, about))
    if status != 200:
        return f'<section role="alert"><p class="bad">{escape(str(value["error"]))}</p></section>'
    [prediction] = value["predictions"]
    labels = ", ".join(output.label for output in about.outputs)
    return f'<section role="status"><h2>{escape(labels)}</h2>{_shown(prediction)}</section>'


def _shown(prediction: Any) -> str:
    if isinstance(prediction, (int, float)) and not isinstance(prediction, bool):
        return f'<p class="answer">{prediction:.6g}</p>'
    if isinstance(prediction, dict) and {"label", "probabilities", "classes"} <= prediction.keys():
        values = prediction["probabilities"]
        values = values if isinstance(values, list) else [1.0 - values, values]
        rows = "".join(
            f'<tr><td>{escape(str(name))}</td><td><meter value="{value:.4f}" aria-hidden="true"></meter></td>'
            f"<td>{value:.1%}</td></tr>"
            for name, value in sorted(zip(prediction["classes"], values, strict=True), key=lambda pair: -pair[1])
        )
        return f'<p class="answer">{escape(str(prediction["label"]))}</p><table>{rows}</table>'
    return f"<pre>{escape(json.dumps(prediction, indent=2, ensure_ascii=False))}</pre>"


def _form(servable: Servable, about: About, fields: Mapping[str, str]) -> str:
    inputs = "".join(_field(column, fields[column.name]) for column in about.columns)
    return (
        f'<section><form method="post" action="/?model={quote(servable.name, safe="")}" autocomplete="off">'
        f'<div class="fields">{inputs}</div><button>Predict</button> '
        '<span class="soft">An empty field is a missing value.</span></form></section>'
    )


def _field(column: ModelColumn, text: str) -> str:
    name, value = escape(column.input), escape(text)
    hint = f"{column.expected}{', needed' if column.required and column.type == 'INT' else ''}"
    if column.image:
        hint = "an image's bytes in base64"
    elif column.values != 1:
        hint += ", one a line" if column.type == "BYTES" else ", with commas between"
    if column.image or column.values != 1:
        control = f'<textarea name="{name}" rows="3">{value}</textarea>'
    else:
        keys = ' inputmode="decimal"' if column.type != "BYTES" else ""
        control = f'<input name="{name}" value="{value}"{keys}>'
    return f"<label>{escape(column.name)} <small>{escape(hint)}</small>{control}</label>"


def _command(address: str, path: str, about: About, row: dict[str, Any]) -> str:
    command = curl(address, path, request_body(row, about))
    return f"<section><h2>The same by curl</h2><pre>{escape(command)}</pre></section>"


def curl(address: str, path: str, body: str, headers: Optional[Mapping[str, str]] = None) -> str:
    """A command that asks a server.

    Args:
        address: such as `http://127.0.0.1:8501`.
        path: of the model, from `/v1/models/` on.
        body: JSON.
        headers: to send along; None for none.
    """
    sent = "".join(f"-H {shlex.quote(f'{name}: {value}')} " for name, value in (headers or {}).items())
    return f"curl {address}{path}:predict {sent}-d {shlex.quote(body)}"


def _document(servable: Servable, others: Sequence[str], parts: Sequence[str]) -> str:
    title = f"{servable.name}, version {servable.version}"
    also = f'<p class="soft">Also served: {_links(others)}</p>' if others else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(servable.name)} <small>version {servable.version}</small></h1>{also}"
        f"{''.join(parts)}</main></body></html>"
    )


def _links(names: Sequence[str]) -> str:
    return ", ".join(f'<a href="/?model={quote(one, safe="")}">{escape(one)}</a>' for one in names)


def no_model(names: Sequence[str], chosen: str) -> str:
    """The page where nothing can answer.

    Args:
        names: of the models that this server has, or is to have.
        chosen: the one that was asked for; empty where there is none.
    """
    if not names:
        what = "No model is served. Load this page again in a moment."
    elif chosen in names:
        what = f"{escape(chosen)} is being loaded, or could not be. Load this page again in a moment."
    else:
        what = f"There is no model {escape(chosen)} here. Served: {_links(names)}."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not served</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>Not served</h1><p>{what}</p></main></body></html>"
    )
