{{/* Names and labels. Selectors never change after the first install: they hold the name, the release and the component only. */}}
{{- define "driftd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "driftd.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "driftd.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "driftd.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "driftd.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "driftd.nameLabels" -}}
app.kubernetes.io/name: {{ include "driftd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "driftd.selectorLabels" -}}
{{ include "driftd.nameLabels" . }}
app.kubernetes.io/component: daemon
{{- end }}

{{/* Labels of an object: `list . (dict more labels)`. One map, for a key that stood twice would be refused by strict readers; the chart's own labels win. */}}
{{- define "driftd.labelsWith" -}}
{{- $root := index . 0 }}
{{- $own := include "driftd.nameLabels" $root | fromYaml }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $own "app.kubernetes.io/version" (toString $root.Chart.AppVersion) }}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- toYaml (mergeOverwrite (dict) (default dict $root.Values.commonLabels) (default dict (index . 1)) $own) }}
{{- end }}

{{- define "driftd.labels" -}}
{{- include "driftd.labelsWith" (list . dict) }}
{{- end }}

{{/* The labels of an object that is a part of driftd: `list . "daemon" (dict more labels)`. Selectors tell parts from one another. */}}
{{- define "driftd.partLabels" -}}
{{- include "driftd.labelsWith" (list (index . 0) (mergeOverwrite (dict) (default dict (index . 2)) (dict "app.kubernetes.io/component" (index . 1)))) }}
{{- end }}

{{/* A Job's name is a label of its pod: 63 characters at most. */}}
{{- define "driftd.checkName" -}}
{{- printf "%s-check-config" (include "driftd.fullname" . | trunc 50 | trimSuffix "-") }}
{{- end }}

{{- define "driftd.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "driftd.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "driftd.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := .Values.image.repository }}
{{- if $registry }}{{ $name = printf "%s/%s" $registry $name }}{{ end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The volume source that holds driftd.yaml. */}}
{{- define "driftd.configVolume" -}}
{{- if .Values.existingConfigMap }}
configMap:
  name: {{ .Values.existingConfigMap }}
{{- else if .Values.configAsSecret }}
secret:
  secretName: {{ include "driftd.fullname" . }}-config
  defaultMode: 0440
{{- else }}
configMap:
  name: {{ include "driftd.fullname" . }}-config
{{- end }}
{{- end }}

{{/* The environment of every container that reads the configuration. */}}
{{- define "driftd.environment" -}}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
