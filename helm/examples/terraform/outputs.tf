output "address" {
  description = "Where the daemon answers inside the cluster."
  value       = "http://driftd.${var.namespace}.svc:9465"
}

output "look" {
  description = "How to look at its status page."
  value       = "kubectl -n ${var.namespace} port-forward service/driftd 9465:9465"
}
