"""Reading definition files: YAML with the line of every node, checked against a pydantic model.

All problems of all files are listed, each as `path:line: message`, with a suggestion where a name is close to
a known one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from kernel.errors import DefinitionError, Problem

MAX_FILE_BYTES = 1 << 20
MAX_NODES = 20_000
PARSED_FILES = 512
"""Files of which the content is remembered: definitions are read anew at every load, and seldom change."""

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """Safe loading, but dates stay text (models decide), and `on`, `off`, `yes`, `no` stay words.

    libyaml's parser gives the events, in a tenth of the time. What it would build of them itself it builds in C,
    calling itself for each level: a file of many levels would end the process. Here it is a RecursionError.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), ["t", "f"])


def read_definition(path: Path, model: type[Model], *, shown_as: str | None = None, context: Any = None) -> Model:
    """The definition in one file. `context`: what the model's validators need to know of other files.

    Raises
    ------
    DefinitionError
        With every problem of the file: YAML errors, repeated or unknown keys, wrong types, and `id` when it
        is not the file's name.
    """
    shown = shown_as or str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DefinitionError([Problem(shown, 1, f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_FILE_BYTES:
        raise DefinitionError([Problem(shown, 1, f"larger than {MAX_FILE_BYTES} bytes")])
    content, lines = _parsed(data, shown)
    try:
        definition = model.model_validate(deepcopy(content), context=context)
    except ValidationError as error:
        raise DefinitionError(
            [Problem(shown, _line(lines, e["loc"]), _message(model, e)) for e in error.errors()]
        ) from None
    own_id = getattr(definition, "id", path.stem)
    if own_id != path.stem:
        message = f"id: {own_id!r} is not the file's name; call the file {own_id}.yaml"
        raise DefinitionError([Problem(shown, lines.get(("id",), 1), message)])
    return definition


@lru_cache(PARSED_FILES)
def _parsed(data: bytes, shown: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """What a file says, and the line of each place in it; they are remembered, so nobody may change them."""
    lines: dict[Place, int] = {}
    problems: list[Problem] = []
    try:
        text = data.decode("utf-8")
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                _index(node, (), lines, problems, shown, [0])
            content = loader.construct_document(node) if node is not None and not problems else None
        finally:
            loader.dispose()
    except UnicodeDecodeError:
        raise DefinitionError([Problem(shown, 1, "is not UTF-8 text")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError([Problem(shown, line, f"not valid YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DefinitionError([Problem(shown, 1, f"not valid YAML: {type(error).__name__}")]) from None
    if problems:
        raise DefinitionError(problems)
    if not isinstance(content, dict):
        raise DefinitionError([Problem(shown, 1, "expected a mapping of fields at the top")])
    return content, lines


def read_folder(folder: Path, model: type[Model], *, context: Any = None) -> dict[str, tuple[Model, Path]]:
    """Every `*.yaml` of a folder by id; a folder that does not exist is empty.

    Raises
    ------
    DefinitionError
        With the problems of all files together.
    """
    found: dict[str, tuple[Model, Path]] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found[path.stem] = (read_definition(path, model, context=context), path)
        except DefinitionError as error:
            problems += error.problems
    if problems:
        raise DefinitionError(problems)
    return found


def line_of(path: Path, place: Place) -> int:
    """The line of a place in a file that was read before, for a problem between files: that of its nearest ancestor
    where the place itself is not written, 1 where the file has changed since."""
    lines: dict[Place, int] = {}
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            if node is not None:
                _index(node, (), lines, [], str(path), [0])
        finally:
            loader.dispose()
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return 1
    return _line(lines, place)


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean X?)`, or nothing when no known word is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _index(
    node: yaml.Node,
    place: Place,
    lines: dict[Place, int],
    problems: list[Problem],
    shown: str,
    seen: list[int],
) -> None:
    """Note the line of every node; refuse repeated keys and aliases that multiply."""
    seen[0] += 1
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if seen[0] > MAX_NODES:
        if seen[0] == MAX_NODES + 1:
            problems.append(Problem(shown, line, f"more than {MAX_NODES} values: aliases that multiply?"))
        return
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problems.append(Problem(shown, key.start_mark.line + 1, "a key must be a plain word"))
                continue
            if key.value in keys:
                problems.append(Problem(shown, key.start_mark.line + 1, f"{key.value}: given twice"))
            keys.add(key.value)
            lines[(*place, key.value)] = key.start_mark.line + 1
            _index(value, (*place, key.value), lines, problems, shown, seen)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _index(value, (*place, position), lines, problems, shown, seen)


def _line(lines: dict[Place, int], place: tuple[int | str, ...]) -> int:
    """The line of a place, or of its nearest ancestor in the file (a missing field has no line)."""
    for end in range(len(place), -1, -1):
        if place[:end] in lines:
            return lines[place[:end]]
    return 1


def _message(model: type[BaseModel], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        return f"{name}: not a known field{suggestion(str(error['loc'][-1]), known)}"
    if error["type"] == "missing":
        return f"{name}: is needed"
    message = error["msg"].removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in place:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        field = fields.get(part)
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return []
        current = inner
    return [field.alias or name for name, field in current.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _model_in(inner)) is not None:
            return found
    return None
