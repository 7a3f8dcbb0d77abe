"""Tell people how a run ended: a message to a webhook, to a topic of Pub/Sub, or to both."""

import base64
import json
from typing import Any

from core.errors import TextmillError

PUBSUB = "https://pubsub.googleapis.com"
SECRETS = "https://secretmanager.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_SECONDS = 30.0


class NotificationError(TextmillError):
    """A message about a run that could not be sent; the record of the run is written."""


def describe_end(record: dict[str, Any]) -> str:
    """Return one sentence about the end of a run."""
    name = record["run"].rpartition("/")[2]
    publication = record["publication"] or {}
    if record["state"] != "SUCCEEDED":
        reason = (record["error"] or {}).get("message", "no error is recorded")
        return f"{record['recipe']}: the run {name} {record['state'].lower()}: {reason}"
    if publication.get("pushed"):
        return f"{record['recipe']}: the run {name} published version {publication['version']}."
    if reason := publication.get("reason"):
        return f"{record['recipe']}: the run {name} published nothing: {reason}"
    return f"{record['recipe']}: the run {name} succeeded; its model came from the cache."


def notify(record: dict[str, Any], *, topic: str, webhook_secret: str) -> None:
    """Send a record to the places that are given.

    Args:
        record: of the run.
        topic: projects/PROJECT/topics/NAME; "" for none.
        webhook_secret: projects/PROJECT/secrets/NAME/versions/VERSION, which holds the address of
            a webhook, because such an address lets everyone write; "" for none.

    Raises:
        NotificationError: a message was refused.
    """
    if not topic and not webhook_secret:
        return
    from google.auth import default
    from google.auth.transport.requests import AuthorizedSession

    session = AuthorizedSession(default(scopes=[SCOPE])[0])
    message = {"text": describe_end(record), **record}
    if topic:
        data = base64.b64encode(json.dumps(message).encode()).decode()
        attributes = {"state": record["state"], "recipe": record["recipe"]}
        body = {"messages": [{"data": data, "attributes": attributes}]}
        _send(session, "POST", f"{PUBSUB}/v1/{topic}:publish", f"the topic {topic}", body)
    if webhook_secret:
        url = f"{SECRETS}/v1/{webhook_secret}:access"
        secret = _send(session, "GET", url, f"the secret {webhook_secret}")
        address = base64.b64decode(secret["payload"]["data"]).decode().strip()
        import requests

        _send(requests, "POST", address, f"the webhook of {webhook_secret}", message)


def _send(session: Any, method: str, url: str, place: str, body: Any = None) -> Any:
    """Send a request; errors name the place, but never the address, which may be a secret.

    Raises:
        NotificationError: the request was refused, or got no answer.
    """
    import requests
    from google.auth.exceptions import GoogleAuthError

    try:
        response = session.request(method, url, json=body, timeout=TIMEOUT_SECONDS)
        status = response.status_code
    except (requests.RequestException, GoogleAuthError) as error:
        status = type(error).__name__
    if status != requests.codes.ok:
        raise NotificationError(
            f"Cannot notify {place} ({status}). The run's record is written. Check that it exists, "
            f"and the run's account (docs/guides/vertex-accounts.md)."
        ) from None
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.json() if is_json else {}
