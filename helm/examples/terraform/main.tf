# driftd by Terraform: a namespace, its secrets and references, and the chart. A change of values.yaml or of a reference rolls the pod; the
# volume with the state stays, also over `terraform destroy` (the claim belongs to the StatefulSet, which keeps it).

resource "kubernetes_namespace_v1" "driftd" {
  metadata {
    name = var.namespace
    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
    }
  }
}

resource "kubernetes_secret_v1" "driftd" {
  metadata {
    name      = "driftd-secrets"
    namespace = kubernetes_namespace_v1.driftd.metadata[0].name
  }
  data = var.secrets
}

# binary_data takes .json and .json.gz alike.
resource "kubernetes_config_map_v1" "references" {
  metadata {
    name      = "driftd-references"
    namespace = kubernetes_namespace_v1.driftd.metadata[0].name
  }
  binary_data = { for name, file in var.references : name => filebase64(file) }
}

resource "helm_release" "driftd" {
  name      = "driftd"
  namespace = kubernetes_namespace_v1.driftd.metadata[0].name
  chart     = var.chart
  version   = var.chart_version

  # An upgrade that does not become ready is rolled back, and Terraform says so. Ten minutes: a large store may have to be brought forward.
  atomic  = true
  timeout = 600

  values = [
    file("${path.module}/values.yaml"),
    yamlencode({
      image          = { registry = var.image_registry }
      existingSecret = kubernetes_secret_v1.driftd.metadata[0].name
      references     = { configMaps = [kubernetes_config_map_v1.references.metadata[0].name] }
      config         = { kafka = { brokers = var.kafka_brokers } }
      # A new reference under the old name rolls the pod, too.
      podAnnotations = { "checksum/reference-files" = sha256(jsonencode(kubernetes_config_map_v1.references.binary_data)) }
    }),
  ]
}
