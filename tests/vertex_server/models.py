"""Emulate the Model Registry: versions of a model, uploaded in the background, and aliases."""

from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1

from tests.vertex_server.resources import (
    Call,
    Refusal,
    must_find,
    must_match,
    now,
    page,
    parse,
    start_operation,
)

PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/models"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/models/[^/:]+)"
ALIAS = r"-?[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]"
RESULT = "type.googleapis.com/google.cloud.aiplatform.v1.UploadModelResponse"


@dataclass
class Models:
    """The versions of each model by its resource name, oldest first."""

    models: dict[str, list[v1.Model]] = field(default_factory=dict)


def upload(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """POST …/models:upload; a new model, or with parentModel a new version.

    Assumption: versions are numbered from 1, and the first one gets the alias default.
    """
    request = call.body
    made = parse(v1.Model, request.get("model"))
    if not made.display_name:
        raise Refusal(400, "display_name is required.")
    if "parentModel" in request:
        versions = must_find(server.models, request["parentModel"])
        name = request["parentModel"]
    else:
        model_id = request.get("modelId") or str(len(server.models) + 1)
        must_match("[a-z_][a-z0-9_-]{0,62}|[0-9]+", model_id, "model ID")
        name = f"{parent}/models/{model_id}"
        if name in server.models:
            raise Refusal(409, f"Model {name} already exists.")
        versions = server.models[name] = []
        made.version_aliases = ["default"]
    for key, value in made.labels.items():
        must_match(r"[a-z][a-z0-9_-]{0,62}", key, "label key")
        must_match(r"[a-z0-9_-]{0,63}", value, "label value")
    made.name, made.version_id = name, str(len(versions) + 1)
    made.version_create_time = made.create_time = made.update_time = now()
    versions.append(made)
    result = {"@type": RESULT, "model": name, "modelVersionId": made.version_id}
    return start_operation(server, name, result)


def get(server: Any, call: Call, name: str) -> v1.Model:
    """GET …/models/ID[@VERSION_OR_ALIAS]; without either, the default version."""
    return _find(server, name)


def list_versions(server: Any, call: Call, name: str) -> dict[str, Any]:
    """GET …/models/ID:listVersions."""
    versions = must_find(server.models, name)
    return page(versions, call, "models", "int" in call.one("$alt"), kind="modelVersions")


def merge_aliases(server: Any, call: Call, name: str) -> v1.Model:
    """POST …/models/ID@VERSION:mergeVersionAliases.

    Assumption: an alias of another version moves; the reference does not say so.
    """
    if "@" not in name:
        raise Refusal(400, "The version ID must be included in the name.")
    model = _find(server, name)
    for alias in call.body["versionAliases"]:
        must_match(ALIAS, alias, "version alias")
        for version in server.models[model.name]:
            version.version_aliases = [
                each for each in version.version_aliases if each != alias.removeprefix("-")
            ]
        if not alias.startswith("-"):
            model.version_aliases = [*model.version_aliases, alias]
    model.version_update_time = now()
    return model


def _find(server: Any, name: str) -> v1.Model:
    model, _, version = name.partition("@")
    for each in must_find(server.models, model):
        if (version or "default") in (each.version_id, *each.version_aliases):
            return each
    raise Refusal(404, f"The model version {name!r} was not found.")


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/models; the default version of each."""
    models = [_find(server, name) for name in server.models if name.startswith(f"{parent}/")]
    return page(models, call, "models", "int" in call.one("$alt"))


ROUTES = (
    ("POST", PARENT + ":upload", upload),
    ("GET", PARENT, list_),
    ("GET", NAME, get),
    ("GET", NAME + ":listVersions", list_versions),
    ("POST", NAME + ":mergeVersionAliases", merge_aliases),
)
