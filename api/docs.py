"""The reference of the API as one plain page, made from its OpenAPI description; nothing is fetched from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI


def docs_page(app: FastAPI) -> str:
    """HTML that lists every address with its parameters."""
    description = app.openapi()
    sections = []
    for path, methods in sorted(description["paths"].items()):
        for method, operation in methods.items():
            sections.append(_section(path, method, operation))
    title = escape(description["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>'
        ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
        "padding:0 1rem}code{font-size:.95em}table{border-collapse:collapse;width:100%}td{padding:.15rem .6rem "
        ".15rem 0;vertical-align:top;overflow-wrap:anywhere}h2{font-size:1rem;margin:1.6rem 0 .2rem}</style></head>"
        f"<body><main><h1>{title}</h1><p>Reading is GET, writing needs <code>Authorization: Bearer TOKEN</code>. "
        'Errors are problem documents. The machine-readable form is <a href="/api/openapi.json">openapi.json</a>.'
        f"</p>{''.join(sections)}</main></body></html>"
    )


def _section(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(item['name'])}</code></td><td>{escape(item['in'])}</td>"
        f"<td>{escape(item.get('description') or item.get('schema', {}).get('description', ''))}</td></tr>"
        for item in operation.get("parameters", [])
    )
    table = f"<table>{parameters}</table>" if parameters else ""
    summary = escape(operation.get("summary", ""))
    return f"<section><h2><code>{method.upper()} {escape(path)}</code></h2><p>{summary}</p>{table}</section>"
