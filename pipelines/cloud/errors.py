"""An error of Google Cloud to a sentence: what was refused, where, why, and what to do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import TextmillError, printable

# Access tokens, signed tokens, and whatever follows "Bearer": none may reach a terminal or a log.
SECRETS = re.compile(
    r"ya29\.[\w./+=-]+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=Bearer )\S+|1//[\w-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
PERMISSION = re.compile(r"[Pp]ermission '?([\w.]+\.[\w.]+)'?")
QUOTA_METRIC = re.compile(r"aiplatform\.googleapis\.com/(\w+)")
MOST_CHARACTERS = 600  # of the service's own words


class VertexError(TextmillError):
    """What Google Cloud refused or could not do, with a remedy."""


class Retryable(VertexError):
    """A refusal that may be gone in a moment."""


@dataclass(frozen=True)
class Place:
    """Where a call went: what sentences about errors name."""

    project: str
    region: str


def without_secrets(text: str) -> str:
    """The text with tokens and keys blotted out, and without control characters."""
    return printable(SECRETS.sub("[secret]", text))


def explain(error: Exception, doing: str, place: Place) -> VertexError:
    """The error as one or two sentences that end with a remedy.

    Args:
        error: of google-api-core, google-auth or requests.
        doing: what was tried, as "submit the run".
        place: the project and the region that it was tried in.
    """
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, VertexError):
        return error
    if isinstance(error, GoogleAPICallError):
        told = _refusal(error, place)
    elif isinstance(error, GoogleAuthError):
        told = _no_credentials(error)
    else:
        told = _no_answer(error, place)
    return type(told)(f"Cannot {doing}: {without_secrets(str(told))}")


def _refusal(error: Any, place: Place) -> VertexError:
    """What the service said, by its reason first and its code else."""
    words = " ".join(str(error.message).split())[:MOST_CHARACTERS]
    words = re.sub(r"^[A-Z]+ https?://\S+: ", "", words).rstrip(".")
    reason, metadata = _error_info(error)
    if reason in _REASONS:
        return VertexError(f"{words}. {_REASONS[reason](metadata, place)}")
    code = int(error.code or 0)
    remedy = _remedy_of(code, words, place)
    kind = Retryable if is_passing(code, words) else VertexError
    return kind(f"{words} ({code}). {remedy}")


def _error_info(error: Any) -> tuple[str, Mapping[str, str]]:
    """The reason that Google's APIs give, and its data; empty if they give none.

    google-api-core's own `error.reason` cannot read the details that come by REST (2.29).
    """
    for detail in error.details:
        if isinstance(detail, Mapping) and str(detail.get("@type", "")).endswith("ErrorInfo"):
            return str(detail.get("reason", "")), detail.get("metadata", {})
    return "", {}


def is_passing(code: int, words: str) -> bool:
    """Whether to try again: the service is busy, and no quota of machines is used up."""
    return code in {500, 502, 503, 504} or (code == 429 and "exceed quota limits" not in words)


def _remedy_of(code: int, words: str, place: Place) -> str:
    if code == 403:
        return _denied(words, place)
    if code == 429:
        return _quota(words, place)
    if code >= 500:
        return (
            "The service is not well at the moment; it was tried several times. Try again in some "
            "minutes; https://status.cloud.google.com tells of outages."
        )
    return {
        400: "Mend what it names and try again.",
        401: _LOGIN,
        404: f"Looked in project {place.project}, region {place.region}. Check the id, --project "
        f"and --region; `textmill runs list` and `textmill schedule list` show what there is.",
        409: "Something of that name is there already. Take another name, or leave it out.",
    }.get(code, "Look at https://status.cloud.google.com, and try again.")


_LOGIN = (
    "The credentials were not accepted. Run `gcloud auth application-default login` anew, or, "
    "in a job, let the workload's service account give them."
)


def _denied(words: str, place: Place) -> str:
    """What role is missing, if the service says which permission."""
    if "act as" in words or "actAs" in words:
        return (
            "Whoever submits must be allowed to act as the run's service account: grant "
            "roles/iam.serviceAccountUser on it (docs/vertex-accounts.md has the command)."
        )
    found = PERMISSION.search(words)
    named = f" {found[1]}" if found else ""
    return (
        f"The account that you use lacks the permission{named} in project {place.project}. "
        f"docs/vertex-accounts.md has the roles and the commands that grant them; "
        f"`textmill doctor` tells which are missing."
    )


def _quota(words: str, place: Place) -> str:
    metric = QUOTA_METRIC.search(words)
    if metric:
        return (
            f"Ask for more of {metric[1]} in {place.region} at "
            f"https://console.cloud.google.com/iam-admin/quotas?project={place.project}, take "
            f"another region or machine (vertex.training.machine), or wait for a running job."
        )
    return "Too many calls in a short time; it was tried several times. Try again in a minute."


def _api_disabled(metadata: Mapping[str, str], place: Place) -> str:
    api = metadata.get("service", "aiplatform.googleapis.com")
    return (
        f"Enable it, wait a minute, try again: "
        f"`gcloud services enable {api} --project={place.project}`"
    )


def _permission_denied(metadata: Mapping[str, str], place: Place) -> str:
    return _denied(f"permission {metadata.get('permission', '')}", place)


_REASONS: dict[str, Callable[[Mapping[str, str], Place], str]] = {
    "SERVICE_DISABLED": _api_disabled,
    "IAM_PERMISSION_DENIED": _permission_denied,
    "CONSUMER_INVALID": lambda _, place: (
        f"There is no project {place.project}, or you may not see it. Check --project."
    ),
    "USER_PROJECT_DENIED": lambda _, place: (
        "The quota project of your credentials is not open to you: "
        f"`gcloud auth application-default set-quota-project {place.project}`"
    ),
    "BILLING_DISABLED": lambda _, place: (
        f"Link a billing account to project {place.project} first: "
        f"https://console.cloud.google.com/billing/linkedaccount?project={place.project}"
    ),
    "ACCESS_TOKEN_EXPIRED": lambda *_: _LOGIN,
    "CREDENTIALS_MISSING": lambda *_: _LOGIN,
}


def _no_credentials(error: Exception) -> VertexError:
    from google.auth.exceptions import DefaultCredentialsError, RefreshError

    words = str(error.args[0] if error.args else error).split("\n")[0].rstrip(".")
    if isinstance(error, DefaultCredentialsError):
        return VertexError(
            "no application default credentials were found, or they cannot be read "
            f"({words}). Run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to a workload identity configuration."
        )
    if isinstance(error, RefreshError):
        return VertexError(f"the credentials cannot be renewed ({words}). {_LOGIN}")
    return Retryable(
        f"the credentials could not be asked for ({words}). Check the network and the proxy."
    )


def _no_answer(error: Exception, place: Place) -> VertexError:
    """The network, a wrong region's host, or something that is not Vertex AI."""
    name, words = type(error).__name__, " ".join(str(error).split())[:MOST_CHARACTERS]
    if "resolve" in words or "Name or service not known" in words:
        return VertexError(
            f"the host of Vertex AI in {place.region} is not found. Check --region (as "
            f"us-central1), the network, and --endpoint if you use a private one."
        )
    if "certificate" in words.lower() or name == "SSLError":
        return VertexError(
            f"the connection is not trusted ({words}). Behind a proxy that opens TLS, set "
            f"REQUESTS_CA_BUNDLE to its certificate."
        )
    if name in {"ParseError", "JSONDecodeError", "ValueError", "UnicodeDecodeError"}:
        return VertexError(
            f"the answer is not one of Vertex AI's ({name}). Check --endpoint, and whether a proxy "
            f"answers in its place."
        )
    return Retryable(
        f"no answer ({name}: {words}). Check the network, the proxy (HTTPS_PROXY) and --endpoint."
    )
