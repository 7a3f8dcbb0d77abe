# Two accounts. The submitter starts runs and schedules, without access to data. The runner reads the
# text, writes one bucket and starts the training, but cannot start or change pipelines. There are no
# account keys: people and CI impersonate the submitter.

locals {
  root = "textmill" # folder in the bucket with artifacts/, checkpoints/, published/ and runs/

  apis = concat(
    [
      "aiplatform.googleapis.com",
      "artifactregistry.googleapis.com",
      "iam.googleapis.com",
      "iamcredentials.googleapis.com",
      "logging.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    # For `textmill doctor`; without them, its checks become warnings.
    [
      "cloudquotas.googleapis.com",
      "cloudresourcemanager.googleapis.com",
      "policytroubleshooter.googleapis.com",
      "serviceusage.googleapis.com",
    ],
    var.use_dataflow ? ["dataflow.googleapis.com", "compute.googleapis.com"] : [],
  )

  # Starts custom jobs, reads and writes ML Metadata, writes logs.
  runner_project_roles = concat(
    [
      "roles/aiplatform.user",
      "roles/logging.logWriter",
    ],
    var.use_dataflow ? ["roles/dataflow.admin", "roles/dataflow.worker"] : [],
  )

  # Creates and cancels runs and schedules, reads their logs. The last two are for `textmill doctor`.
  submitter_project_roles = [
    "roles/aiplatform.user",
    "roles/logging.viewer",
    "roles/serviceusage.serviceUsageViewer",
    "roles/cloudquotas.viewer",
  ]
}

resource "google_project_service" "apis" {
  for_each           = toset(local.apis)
  service            = each.value
  disable_on_destroy = false
}

resource "google_service_account" "submitter" {
  account_id   = "textmill-submit"
  display_name = "Textmill: submits and schedules runs"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "runner" {
  account_id   = "textmill-run"
  display_name = "Textmill: what runs work as"
  depends_on   = [google_project_service.apis]
}

resource "google_project_iam_member" "submitter" {
  for_each = toset(local.submitter_project_roles)
  project  = var.project
  role     = each.value
  member   = google_service_account.submitter.member
}

resource "google_project_iam_member" "runner" {
  for_each = toset(local.runner_project_roles)
  project  = var.project
  role     = each.value
  member   = google_service_account.runner.member
}

# The submitter may start runs that work as the runner, and as no other account.
resource "google_service_account_iam_member" "submitter_acts_as_runner" {
  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.submitter.member
}

# The Trainer task starts the training job, which works as the same account.
resource "google_service_account_iam_member" "runner_acts_as_itself" {
  service_account_id = google_service_account.runner.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.runner.member
}

resource "google_service_account_iam_member" "people_act_as_submitter" {
  for_each           = toset(var.submitters)
  service_account_id = google_service_account.submitter.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}

resource "google_storage_bucket" "artifacts" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Never artifacts/: Vertex AI's cache has no end, and a cached task would point at what is gone.
  dynamic "lifecycle_rule" {
    for_each = var.keep_checkpoints_days > 0 ? [var.keep_checkpoints_days] : []
    content {
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["${local.root}/checkpoints/", "${local.root}/dataflow/"]
      }
      action {
        type = "Delete"
      }
    }
  }
}

resource "google_storage_bucket_iam_member" "runner_writes_artifacts" {
  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.objectUser"
  member = google_service_account.runner.member
}

# TensorFlow reads the bucket's metadata before it reads objects.
resource "google_storage_bucket_iam_member" "runner_sees_artifacts_bucket" {
  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.runner.member
}

resource "google_storage_bucket_iam_member" "submitter_sees_artifacts_bucket" {
  bucket = google_storage_bucket.artifacts.name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.submitter.member
}

resource "google_storage_bucket_iam_member" "runner_reads_text" {
  bucket = var.text_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.runner.member
}

resource "google_storage_bucket_iam_member" "runner_sees_text_bucket" {
  bucket = var.text_bucket
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.runner.member
}

resource "google_artifact_registry_repository" "images" {
  repository_id = var.repository
  location      = var.region
  format        = "DOCKER"
  description   = "Textmill's images"

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.apis]
}

# Dataflow's workers pull their image as the runner; the submitter checks that images exist.
resource "google_artifact_registry_repository_iam_member" "readers" {
  for_each = {
    runner    = google_service_account.runner.member
    submitter = google_service_account.submitter.member
  }
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = each.value
}
