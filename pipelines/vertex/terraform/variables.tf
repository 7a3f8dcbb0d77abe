variable "project" {
  description = "Project id that the pipelines run in."
  type        = string
}

variable "region" {
  description = "Region of pipelines, training, bucket and images, as us-central1."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket for artifacts, checkpoints and published models; made here."
  type        = string
}

variable "text_bucket" {
  description = "Name of the bucket that the text lies in; it exists already. Read only."
  type        = string
}

variable "repository" {
  description = "Name of the Artifact Registry repository for the images; made here."
  type        = string
  default     = "textmill"
}

variable "submitters" {
  description = "Who may submit and schedule as the submitter account, as group:nlp@example.com."
  type        = list(string)
  default     = []
}

variable "use_dataflow" {
  description = "Whether data components run on Dataflow (the recipe's vertex.dataflow)."
  type        = bool
  default     = false
}

variable "keep_artifacts_days" {
  description = "Days after which artifacts may be deleted; 0 keeps all. Published models stay."
  type        = number
  default     = 0
}
