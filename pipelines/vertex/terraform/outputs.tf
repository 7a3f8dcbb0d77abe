output "submitter" {
  description = "gcloud auth application-default login --impersonate-service-account=…"
  value       = google_service_account.submitter.email
}

output "runner" {
  description = "textmill submit … --service-account …, or vertex.service_account in the recipe."
  value       = google_service_account.runner.email
}

output "pipeline_root" {
  description = "textmill submit … --root …, or vertex.pipeline_root in the recipe."
  value       = "gs://${google_storage_bucket.artifacts.name}/${local.root}"
}

output "topic" {
  description = "vertex.notify.topic in the recipe."
  value       = google_pubsub_topic.runs.id
}

output "images" {
  description = "Repository to push the images to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.name}"
}
