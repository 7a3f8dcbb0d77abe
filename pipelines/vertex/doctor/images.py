"""The images that the spec names by digest: pushed, and in the region where they run."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from pipelines.cloud.errors import VertexError
from pipelines.compiled_spec.facts import images_of
from pipelines.recipe.vertex_settings import NO_DIGEST
from pipelines.vertex.doctor.check import Check, Subject

REGISTRY = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<image>.+@sha256:[0-9a-f]{64})"
)


def check_images(subject: Subject) -> Iterator[Check]:
    """Each image of the spec, once."""
    for image in images_of(subject.template.spec):
        short = image.split("@")[0].rsplit("/", maxsplit=1)[-1]
        name = f"image {short}"
        found = REGISTRY.fullmatch(image)
        if NO_DIGEST in image:
            yield Check(
                name, "failed", f"{image.split('@')[0]} was not built yet",
                "Build and push it (docs/vertex.md), put its digest into the recipe's "
                "vertex.images, and compile again.",
            )  # fmt: skip
        elif not found:
            yield Check(
                name, "warning", f"{image} is not in Artifact Registry; only that is looked at",
                "See that the run's account may pull it.",
            )  # fmt: skip
        else:
            yield _look_up(subject, name, image, found)


def _look_up(subject: Subject, name: str, image: str, found: re.Match[str]) -> Check:
    project, location = found["project"], found["location"]
    repository = f"projects/{project}/locations/{location}/repositories/{found['repository']}"
    path = f"/v1/{repository}/dockerImages/{quote(found['image'], safe='@:')}"
    try:
        subject.cloud.ask(f"find the image {image}", "artifactregistry", path)
    except VertexError as error:
        if "(404)" not in str(error):
            raise
        return Check(
            name, "failed", f"{image} is not there",
            "Push it, or compile the recipe with the digest that was pushed.",
        )  # fmt: skip
    region = subject.cloud.target.region
    if location not in {region, region.split("-")[0]}:
        return Check(
            name, "warning", f"there, in {location}; the run is in {region}",
            "Every machine pulls it from afar. Keep a copy in the region.",
        )  # fmt: skip
    return Check(name, "ok", f"there, in {location}")
