# How people learn that a run failed: RunRecord publishes the end of each run to a topic, and writes an
# error to its log if the run did not succeed, which a metric counts and a policy alerts on.

resource "google_pubsub_topic" "runs" {
  name       = "textmill-runs" # vertex.notify.topic in the recipe
  depends_on = [google_project_service.apis]
}

resource "google_pubsub_topic_iam_member" "runner_publishes" {
  topic  = google_pubsub_topic.runs.name
  role   = "roles/pubsub.publisher"
  member = google_service_account.runner.member
}

# vertex.notify.webhook_secret in the recipe; the secret itself is created by hand.
resource "google_secret_manager_secret_iam_member" "runner_reads_webhook" {
  count     = var.webhook_secret == "" ? 0 : 1
  secret_id = var.webhook_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runner.member
}

resource "google_logging_metric" "failed_runs" {
  name   = "textmill/failed_runs"
  filter = "resource.type=\"ml_job\" AND severity>=ERROR AND \"The run ended as\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_notification_channel" "email" {
  count        = var.alert_email == "" ? 0 : 1
  display_name = "Textmill's operators"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "failed_runs" {
  count        = var.alert_email == "" ? 0 : 1
  display_name = "Textmill: a run failed"
  combiner     = "OR"

  conditions {
    display_name = "RunRecord wrote that a run did not succeed"

    condition_threshold {
      filter          = "resource.type=\"ml_job\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.failed_runs.name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_DELTA"
      }
    }
  }

  notification_channels = [google_monitoring_notification_channel.email[0].name]
}
