"""Check that the images of the spec were pushed, and to the region of the run."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from pipelines.cloud.errors import VertexError
from pipelines.compiled_spec.facts import images_of
from pipelines.recipe.vertex_settings import NO_DIGEST
from pipelines.vertex.doctor.check import Check, Subject

ARTIFACT_REGISTRY = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<image>.+@sha256:[0-9a-f]{64})"
)


def check_images(subject: Subject) -> Iterator[Check]:
    """Check each image of the spec once."""
    for image in images_of(subject.template.spec):
        base = image.split("@")[0]
        name = f"image {base.rsplit('/', maxsplit=1)[-1]}"
        match = ARTIFACT_REGISTRY.fullmatch(image)
        if NO_DIGEST in image:
            yield Check(
                name,
                "failed",
                f"{base} is not built yet",
                "Build and push it (docs/guides/vertex.md), put its digest into the recipe's "
                "vertex.images, and compile again.",
            )
        elif not match:
            yield Check(
                name,
                "warning",
                f"{image} is not in Artifact Registry, so it cannot be checked",
                "Make sure that the run's account may pull it.",
            )
        else:
            yield _look_up(subject, name, image, match)


def _look_up(subject: Subject, name: str, image: str, match: re.Match[str]) -> Check:
    project, location = match["project"], match["location"]
    repository = f"projects/{project}/locations/{location}/repositories/{match['repository']}"
    path = f"/v1/{repository}/dockerImages/{quote(match['image'], safe='@:')}"
    try:
        subject.cloud.call_api(f"look up the image {image}", "artifactregistry", path)
    except VertexError as error:
        if "(404)" not in str(error):
            raise
        return Check(
            name,
            "failed",
            f"{image} does not exist",
            "Push it, or compile the recipe with the digest that you pushed.",
        )
    region = subject.cloud.target.region
    if location not in {region, region.split("-")[0]}:
        return Check(
            name,
            "warning",
            f"is in {location}, but the run is in {region}",
            "Every machine pulls it across regions. Keep a copy in the region of the run.",
        )
    return Check(name, "ok", f"is in {location}")
