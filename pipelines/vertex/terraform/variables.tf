variable "project" {
  description = "Project ID of the pipelines."
  type        = string
}

variable "region" {
  description = "Region of pipelines, training, bucket and images, for example us-central1."
  type        = string
}

variable "bucket" {
  description = "Bucket for artifacts, checkpoints and published models; created here."
  type        = string
}

variable "text_bucket" {
  description = "Existing bucket that contains the text; access is read-only."
  type        = string
}

variable "repository" {
  description = "Artifact Registry repository for the images; created here."
  type        = string
  default     = "textmill"
}

variable "submitters" {
  description = "Who may submit and schedule as the submitter, for example group:nlp@example.com."
  type        = list(string)
  default     = []
}

variable "use_dataflow" {
  description = "Whether data components run on Dataflow (the recipe's vertex.dataflow)."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Address of the alert for failed runs; empty for none."
  type        = string
  default     = ""
}

variable "webhook_secret" {
  description = "Name of the secret that holds the address of a webhook; empty for none."
  type        = string
  default     = ""
}

variable "keep_checkpoints_days" {
  description = "Days after which checkpoints and Dataflow's files are deleted; 0 keeps all."
  type        = number
  default     = 0
}
