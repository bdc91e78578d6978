variable "kubeconfig" {
  description = "File with the credentials of the cluster."
  type        = string
  default     = "~/.kube/config"
}

variable "context" {
  description = "Context in it; null: the current one."
  type        = string
  default     = null
}

variable "namespace" {
  description = "Namespace of driftd."
  type        = string
  default     = "ml-monitoring"
}

variable "chart" {
  description = "The chart: its folder, a package (.tgz) or an OCI address."
  type        = string
  default     = "../../driftd"
}

variable "chart_version" {
  description = "Version of the chart at an OCI address; null for a folder."
  type        = string
  default     = null
}

variable "image_registry" {
  description = "Registry that holds the image, e.g. registry.example.com/ml."
  type        = string
}

variable "kafka_brokers" {
  description = "Brokers to begin with, host:port."
  type        = list(string)
}

variable "references" {
  description = "Reference snapshots: the name that the configuration calls them by, and the file (under 1 MiB each)."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "What the configuration reads from /secrets: retrain-url and retrain-signing-key."
  type        = map(string)
  sensitive   = true
}
