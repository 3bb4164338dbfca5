{{/* Metadata of a monitoring object: (dict "root" $ "own" .Values.monitoring.podMonitor). */}}
{{- define "internode.monitoringMetadata" -}}
{{- $labels := mustMergeOverwrite (deepCopy (default dict .root.Values.monitoring.labels)) (default dict .own.labels) -}}
{{- include "internode.metadata" (dict "root" .root "namespace" .own.namespace "labels" $labels "annotations" .own.annotations) -}}
{{- end -}}

{{/*
Whether the cluster knows a kind of the Prometheus Operator: (dict "root" $ "kind" "PodMonitor" "wanted" "auto"). A cluster
announces the group and every kind; renders without one often the group alone (`--api-versions monitoring.coreos.com/v1`).
*/}}
{{- define "internode.isWanted" -}}
{{- if kindIs "bool" .wanted -}}
{{- if .wanted -}}true{{- end -}}
{{- else -}}
{{- $group := "monitoring.coreos.com/v1" -}}
{{- $kinds := list -}}
{{- range .root.Capabilities.APIVersions -}}{{- if hasPrefix (printf "%s/" $group) . -}}{{- $kinds = append $kinds . -}}{{- end -}}{{- end -}}
{{- if or (has (printf "%s/%s" $group .kind) $kinds) (and (not $kinds) (.root.Capabilities.APIVersions.Has $group)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* One way of scraping: what `auto` would add to another way is left out. */}}
{{- define "internode.hasPodMonitor" -}}
{{- with .Values.monitoring -}}
{{- if not (and (eq (toString .podMonitor.enabled) "auto") (or .serviceMonitor.enabled .scrapeAnnotations)) -}}
{{- include "internode.isWanted" (dict "root" $ "kind" "PodMonitor" "wanted" .podMonitor.enabled) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "internode.hasPrometheusRule" -}}
{{- include "internode.isWanted" (dict "root" . "kind" "PrometheusRule" "wanted" .Values.monitoring.prometheusRule.enabled) -}}
{{- end -}}

{{/* What PodMonitor and ServiceMonitor have in common: (dict "root" $ "own" .Values.monitoring.podMonitor). */}}
{{- define "internode.scrapeSpec" -}}
selector:
  matchLabels:
    {{- include "internode.agentLabels" .root | nindent 4 }}
{{- if and .own.namespace (ne .own.namespace .root.Release.Namespace) }}
namespaceSelector:
  matchNames: [{{ .root.Release.Namespace | quote }}]
{{- end }}
{{- with .own.jobLabel }}
jobLabel: {{ . | quote }}
{{- end }}
{{- with .root.Values.monitoring.podTargetLabels }}
podTargetLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $monitoring := .root.Values.monitoring }}
{{- with $monitoring }}
{{- range $key := list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" "keepDroppedTargets" }}
{{- with get $monitoring $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
{{- with .bodySizeLimit }}
bodySizeLimit: {{ . | quote }}
{{- end }}
{{- if .nativeHistograms }}
convertClassicHistogramsToNHCB: true
# Dashboards and rules read the classic ones.
scrapeClassicHistograms: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "internode.scrapeEndpoint" -}}
path: /metrics
interval: {{ .Values.monitoring.interval }}
scrapeTimeout: {{ .Values.monitoring.scrapeTimeout }}
{{- end -}}

{{/* The node is the instance: a new pod of the same node continues its series. */}}
{{- define "internode.relabelings" -}}
- action: replace
  sourceLabels: [__meta_kubernetes_pod_node_name]
  targetLabel: instance
- action: labeldrop
  regex: pod|container|endpoint
{{- with .relabelings }}
{{ include "internode.filledRelabelings" . }}
{{- end }}
{{- end -}}
