{{/* What values.schema.json cannot say, because it concerns several keys at once. Each failure names the key. */}}
{{- define "driftd.check" -}}
{{- $config := .Values.config | default dict }}
{{- $fullname := include "driftd.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) }}
{{- fail (printf "%s cannot be the name of a Service (a-z, 0-9 and -, a letter first): name the release otherwise, or set fullnameOverride" $fullname) }}
{{- end }}
{{- if not .Values.existingConfigMap }}
{{- if not $config.models }}
{{- fail "config.models is empty: name at least one model, e.g. config.models: [{ name: fraud, reference: /references/fraud.reference.json }]" }}
{{- end }}
{{- if not (or $config.kafka $config.file) }}
{{- fail "config.kafka is missing: set config.kafka.brokers and config.kafka.topics" }}
{{- end }}
{{- $listen := dig "http" "listen" "127.0.0.1:9465" $config }}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\])" $listen }}
{{- fail (printf "config.http.listen is %s: probes and Prometheus cannot reach the loopback; write \":%v\"" $listen .Values.containerPort) }}
{{- end }}
{{- if ne (regexFind "[0-9]+$" $listen) (printf "%v" .Values.containerPort) }}
{{- fail (printf "config.http.listen is %s but containerPort is %v: they must be the same port" $listen .Values.containerPort) }}
{{- end }}
{{- $store := dig "store" "path" "" $config }}
{{- if not (hasPrefix (printf "%s/" (trimSuffix "/" .Values.persistence.mountPath)) $store) }}
{{- fail (printf "config.store.path is %q: it must be below persistence.mountPath (%s), the only place that can be written" $store .Values.persistence.mountPath) }}
{{- end }}
{{- if not .Values.configAsSecret }}
{{- include "driftd.checkSecrets" (dict "value" $config "path" "config" "keys" (.Files.Get "files/secret-keys.json" | fromJsonArray) "header" false) }}
{{- end }}
{{- end }}
{{- if and .Values.rbac.jobs (not .Values.serviceAccount.automount) }}
{{- fail "rbac.jobs is true but serviceAccount.automount is false: driftd would have no token to make Jobs with" }}
{{- end }}
{{- $places := list }}
{{- if or .Values.references.files .Values.references.configMaps }}{{ $places = append $places "references.files or references.configMaps" }}{{ end }}
{{- if .Values.references.existingClaim }}{{ $places = append $places "references.existingClaim" }}{{ end }}
{{- if .Values.references.emptyDir }}{{ $places = append $places "references.emptyDir" }}{{ end }}
{{- if gt (len $places) 1 }}
{{- fail (printf "%s: set only one of them, they are mounted at the same place" (join " and " $places)) }}
{{- end }}
{{- end }}

{{/* A secret in a ConfigMap can be read by everyone who may read ConfigMaps. Text from the environment (`${NAME}`) is none. */}}
{{- define "driftd.checkSecrets" -}}
{{- $call := . }}
{{- if kindIs "map" .value }}
{{- range $key, $inner := .value }}
{{- $path := printf "%s.%s" $call.path $key }}
{{- if and (eq $key "url") (has (get $call.value "type") (list "slack" "teams")) (not (contains "${" (toString $inner))) }}
{{- fail (printf "%s is a secret, since whoever knows it may post, and the configuration is a ConfigMap: name a file of existingSecret by url_file, or set configAsSecret: true" $path) }}
{{- end }}
{{- $isSecret := or (has $key $call.keys) (and $call.header (regexMatch "(?i)auth|token|key|secret|password|cookie" $key)) }}
{{- if and $isSecret (kindIs "string" $inner) (not (contains "${" $inner)) }}
{{- $instead := ternary (printf "write %q and put it into the environment by extraEnvFrom" (printf "${%s}" (upper (snakecase $key)))) (printf "name a file of existingSecret by %s_file" $key) $call.header }}
{{- fail (printf "%s is a secret, and the configuration is a ConfigMap: %s, or set configAsSecret: true" $path $instead) }}
{{- end }}
{{- include "driftd.checkSecrets" (dict "value" $inner "path" $path "keys" $call.keys "header" (eq $key "headers")) }}
{{- end }}
{{- else if kindIs "slice" .value }}
{{- range $index, $inner := .value }}
{{- include "driftd.checkSecrets" (dict "value" $inner "path" (printf "%s[%d]" $call.path $index) "keys" $call.keys "header" false) }}
{{- end }}
{{- else if and (kindIs "string" .value) (regexMatch "^[a-z0-9+]+://[^/?#@]*:[^/?#@$]+@" .value) }}
{{- fail (printf "%s has a password in its address, and the configuration is a ConfigMap: use the keys for a login beside it, a url_file, or set configAsSecret: true" .path) }}
{{- end }}
{{- end }}
