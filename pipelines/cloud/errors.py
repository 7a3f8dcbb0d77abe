"""Explain errors of Google Cloud: what was refused, where, why, and what to do about it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import InputError, TextmillError, printable
from pipelines.cloud.target import CONSOLE, Target

# Access tokens, signed tokens, private keys, and anything after "Bearer".
SECRETS = re.compile(
    r"ya29\.[\w./+=-]+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=Bearer )\S+|1//[\w-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
PERMISSION = re.compile(r"[Pp]ermission '?([\w.]+\.[\w.]+)'?")
QUOTA_METRIC = re.compile(r"aiplatform\.googleapis\.com/(\w+)")
MAX_MESSAGE_CHARACTERS = 600  # quoted from the service's own message
ACCOUNTS_PAGE = "docs/guides/vertex-accounts.md"


class VertexError(TextmillError):
    """Google Cloud refused a request or failed; the message says what to do."""


class RetryableError(VertexError):
    """A refusal that a retry may resolve."""


class DeniedError(VertexError):
    """The caller may not do this; others may."""


class WrongNameError(VertexError, InputError):
    """The id or name does not exist, or is taken; the user has to give another one."""


def without_secrets(text: str) -> str:
    """Replace tokens and keys in a text, and remove its control characters."""
    return printable(SECRETS.sub("[secret]", text))


def explain(error: Exception, action: str, target: Target) -> VertexError:
    """Turn an error of Google's libraries into one or two sentences that end with a remedy.

    `action` is what was attempted, for example "submit the run".
    """
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, VertexError):
        return error
    if isinstance(error, GoogleAPICallError):
        reason = _explain_refusal(error, target)
    elif isinstance(error, GoogleAuthError):
        reason = _explain_credentials(error)
    else:
        reason = _explain_no_response(error, target)
    return type(reason)(f"Cannot {action}: {without_secrets(str(reason))}")


def is_transient(code: int, message: str) -> bool:
    """Return whether a retry may help: the service is busy, and no machine quota is exhausted."""
    return code in {500, 502, 503, 504} or (code == 429 and "exceed quota limits" not in message)


def _explain_refusal(error: Any, target: Target) -> VertexError:
    """Explain a refusal by its machine-readable reason if there is one, or else by its code."""
    message = " ".join(str(error.message).split())[:MAX_MESSAGE_CHARACTERS]
    message = re.sub(r"^[A-Z]+ https?://\S+: ", "", message).rstrip(".")
    reason, metadata = _error_info(error)
    code = int(error.code or 0)
    kind = {403: DeniedError, 404: WrongNameError, 409: WrongNameError}.get(code, VertexError)
    if reason in _REMEDIES:
        return kind(f"{message}. {_REMEDIES[reason](metadata, target)}")
    kind = RetryableError if is_transient(code, message) else kind
    return kind(f"{message} ({code}). {_remedy_for_code(code, message, target)}")


def _error_info(error: Any) -> tuple[str, Mapping[str, str]]:
    """Return the reason and metadata of Google's ErrorInfo detail; empty if there is none.

    The `error.reason` of google-api-core 2.29 cannot read details that arrive by REST.
    """
    for detail in error.details:
        if isinstance(detail, Mapping) and str(detail.get("@type", "")).endswith("ErrorInfo"):
            return str(detail.get("reason", "")), detail.get("metadata", {})
    return "", {}


def _remedy_for_code(code: int, message: str, target: Target) -> str:
    if code == 403:
        return _remedy_for_permission(message, target)
    if code == 429:
        return _remedy_for_quota(message, target)
    if code >= 500:
        return (
            "The service is temporarily unavailable, and retries failed. Try again in a few "
            "minutes; https://status.cloud.google.com lists outages."
        )
    return {
        400: "Fix the field it names and try again.",
        401: LOGIN_REMEDY,
        404: f"Looked in project {target.project}, region {target.region}. Check the id, --project "
        f"and --region; `textmill runs list` and `textmill schedule list` show what exists.",
        409: "Something with this name exists already. Choose another name, or leave it out.",
    }.get(code, "See https://status.cloud.google.com, and try again.")


LOGIN_REMEDY = (
    "The credentials were not accepted. Run `gcloud auth application-default login` again; in a "
    "job, check the service account of the workload."
)


def _remedy_for_permission(message: str, target: Target) -> str:
    if "act as" in message or "actAs" in message:
        return (
            "The account that submits needs permission to act as the run's service account: grant "
            f"it roles/iam.serviceAccountUser ({ACCOUNTS_PAGE} has the command)."
        )
    match = PERMISSION.search(message)
    named = f" {match[1]}" if match else ""
    return (
        f"Your account lacks the permission{named} in project {target.project}. "
        f"{ACCOUNTS_PAGE} lists the roles and the commands that grant them; "
        f"`textmill doctor` shows which are missing."
    )


def _remedy_for_quota(message: str, target: Target) -> str:
    metric = QUOTA_METRIC.search(message)
    if metric:
        return (
            f"Request more {metric[1]} in {target.region} at "
            f"{CONSOLE}/iam-admin/quotas?project={target.project}, choose another region or "
            f"machine (vertex.training.machine), or wait for a running job to end."
        )
    return "Too many requests in a short time, and retries failed. Try again in a minute."


def _remedy_for_disabled_api(metadata: Mapping[str, str], target: Target) -> str:
    api = metadata.get("service", "aiplatform.googleapis.com")
    return (
        f"Enable the API, wait a minute and try again: "
        f"`gcloud services enable {api} --project={target.project}`"
    )


_REMEDIES: dict[str, Callable[[Mapping[str, str], Target], str]] = {
    "SERVICE_DISABLED": _remedy_for_disabled_api,
    "IAM_PERMISSION_DENIED": lambda metadata, target: _remedy_for_permission(
        f"permission {metadata.get('permission', '')}", target
    ),
    "CONSUMER_INVALID": lambda _, target: (
        f"Project {target.project} does not exist, or you have no access to it. Check --project."
    ),
    "USER_PROJECT_DENIED": lambda metadata, target: (
        f"You may not use {metadata.get('consumer', 'projects/?').removeprefix('projects/')}, the "
        f"quota project of your credentials. Set another: "
        f"`gcloud auth application-default set-quota-project {target.project}`"
    ),
    "BILLING_DISABLED": lambda _, target: (
        f"Link a billing account to project {target.project}: "
        f"{CONSOLE}/billing/linkedaccount?project={target.project}"
    ),
    "SECURITY_POLICY_VIOLATED": lambda metadata, target: (
        f"A perimeter of VPC Service Controls refuses this. Give its administrator the id "
        f"{metadata.get('uid', '(not given)')}, and ask for an ingress rule for your account and "
        f"network to aiplatform, storage, artifactregistry and logging in project {target.project}."
    ),
    "ACCESS_TOKEN_EXPIRED": lambda *_: LOGIN_REMEDY,
    "CREDENTIALS_MISSING": lambda *_: LOGIN_REMEDY,
}


def _explain_credentials(error: Exception) -> VertexError:
    from google.auth.exceptions import DefaultCredentialsError, RefreshError

    message = str(error.args[0] if error.args else error).split("\n")[0].rstrip(".")
    if isinstance(error, DefaultCredentialsError):
        return VertexError(
            "application default credentials are missing or cannot be read "
            f"({message}). Run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS to a workload identity configuration."
        )
    if isinstance(error, RefreshError):
        return VertexError(f"the credentials cannot be renewed ({message}). {LOGIN_REMEDY}")
    return RetryableError(
        f"the credentials cannot be fetched ({message}). Check the network and the proxy."
    )


def _explain_no_response(error: Exception, target: Target) -> VertexError:
    """Explain a network error, a wrong region's host, or a response that is not Vertex AI's."""
    name, message = type(error).__name__, " ".join(str(error).split())[:MAX_MESSAGE_CHARACTERS]
    if "resolve" in message or "Name or service not known" in message:
        return VertexError(
            f"the host of Vertex AI in {target.region} was not found. Check --region (for example "
            f"us-central1), the network, and --endpoint if you use a private endpoint."
        )
    if "certificate" in message.lower() or name == "SSLError":
        return VertexError(
            f"the connection is not trusted ({message}). Behind a proxy that intercepts TLS, set "
            f"REQUESTS_CA_BUNDLE to its certificate."
        )
    if name in {"ParseError", "JSONDecodeError", "ValueError", "UnicodeDecodeError"}:
        return VertexError(
            f"the response does not come from Vertex AI ({name}). Check --endpoint, and whether a "
            f"proxy answers instead."
        )
    message = re.sub(r" with url: \S+", "", message)  # long, and says no more than the command
    return RetryableError(
        f"no response ({name}: {message}). Check the network, the proxy (HTTPS_PROXY) and "
        f"--endpoint."
    )
