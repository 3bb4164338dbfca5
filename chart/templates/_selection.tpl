{{/*
Whether the Prometheus resources there are will take this release's objects: sentences for what no Prometheus takes, with
the cure. The commonest failure of real installs is an object that nobody selects. As a YAML list.
(dict "root" $ "prometheuses" list "namespaceLabels" dict)
*/}}
{{- define "internode.unselected" -}}
{{- $root := .root -}}
{{- range $kind := include "internode.selectedKinds" $root | fromJsonArray -}}
{{- $labels := include "internode.monitoringLabels" (dict "root" $root "own" $kind.own) | fromYaml -}}
{{- $isTaken := false -}}
{{- $why := list -}}
{{- range $prometheus := $.prometheuses -}}
{{- $name := printf "%s/%s" $prometheus.metadata.namespace $prometheus.metadata.name -}}
{{- $isHere := eq $prometheus.metadata.namespace $root.Release.Namespace -}}
{{- $fault := include "internode.selects" (dict "selector" (get $prometheus.spec $kind.selector) "isSet" (hasKey $prometheus.spec $kind.selector) "labels" $labels) -}}
{{- $elsewhere := include "internode.selects" (dict "selector" (get $prometheus.spec $kind.namespaces) "isSet" (hasKey $prometheus.spec $kind.namespaces) "labels" $.namespaceLabels) -}}
{{- if and $isHere (not (hasKey $prometheus.spec $kind.namespaces)) -}}{{- $elsewhere = "" -}}{{- end -}}
{{- if not (or $fault $elsewhere) -}}
{{- $isTaken = true -}}
{{- else if $fault -}}
{{- $why = append $why (printf "Prometheus %s takes a %s only with %s" $name $kind.kind $fault) -}}
{{- else if not (hasKey $prometheus.spec $kind.namespaces) -}}
{{- $why = append $why (printf "Prometheus %s takes a %s only from its own namespace" $name $kind.kind) -}}
{{- else -}}
{{- $why = append $why (printf "Prometheus %s takes a %s only from namespaces with %s" $name $kind.kind $elsewhere) -}}
{{- end -}}
{{- end -}}
{{- if and $why (not $isTaken) }}
- {{ printf "%s: %s." (join "; " $why) $kind.loss | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* What of a label selector the labels do not meet, in words; nothing when they do. An absent selector takes nothing. */}}
{{- define "internode.selects" -}}
{{- $missing := list -}}
{{- if not .isSet -}}
{{- $missing = append $missing "nothing at all (the selector is not set)" -}}
{{- else -}}
{{- $labels := .labels -}}
{{- range $key, $value := dig "matchLabels" (dict) (default dict .selector) -}}
{{- if ne (get $labels $key | toString) $value -}}{{- $missing = append $missing (printf "%s=%s" $key $value) -}}{{- end -}}
{{- end -}}
{{- range $term := dig "matchExpressions" (list) (default dict .selector) -}}
{{- $has := hasKey $labels $term.key -}}
{{- $isIn := and $has (has (get $labels $term.key) (default list $term.values)) -}}
{{- if or (and (eq $term.operator "In") (not $isIn)) (and (eq $term.operator "NotIn") $isIn) (and (eq $term.operator "Exists") (not $has)) (and (eq $term.operator "DoesNotExist") $has) -}}
{{- $missing = append $missing (printf "%s %s %s" $term.key $term.operator (join "," (default list $term.values)) | trim) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- join ", " $missing -}}
{{- end -}}

{{/* The kinds of this release that a Prometheus must select, as JSON: its selectors, the values of ours, what is lost. */}}
{{- define "internode.selectedKinds" -}}
{{- $kinds := list -}}
{{- if include "internode.hasPodMonitor" . -}}
{{- $kinds = append $kinds (dict "kind" "PodMonitor" "selector" "podMonitorSelector" "namespaces" "podMonitorNamespaceSelector" "own" .Values.monitoring.podMonitor "loss" "nothing will be scraped") -}}
{{- end -}}
{{- if .Values.monitoring.serviceMonitor.enabled -}}
{{- $kinds = append $kinds (dict "kind" "ServiceMonitor" "selector" "serviceMonitorSelector" "namespaces" "serviceMonitorNamespaceSelector" "own" .Values.monitoring.serviceMonitor "loss" "nothing will be scraped") -}}
{{- end -}}
{{- if include "internode.hasPrometheusRule" . -}}
{{- $kinds = append $kinds (dict "kind" "PrometheusRule" "selector" "ruleSelector" "namespaces" "ruleNamespaceSelector" "own" .Values.monitoring.prometheusRule "loss" "no alert will fire") -}}
{{- end -}}
{{- toJson $kinds -}}
{{- end -}}

{{/* What cures it, as JSON: flags for `--set` and labels of the namespace that some Prometheus asks for and that are not there. */}}
{{- define "internode.selectionCure" -}}
{{- $flags := list -}}
{{- $namespace := list -}}
{{- $namespaceLabels := default dict .namespaceLabels -}}
{{- range $kind := include "internode.selectedKinds" .root | fromJsonArray -}}
{{- $labels := include "internode.monitoringLabels" (dict "root" $.root "own" $kind.own) | fromYaml -}}
{{- range $prometheus := $.prometheuses -}}
{{- range $key, $value := dig "matchLabels" (dict) (default dict (get $prometheus.spec $kind.selector)) -}}
{{- if ne (get $labels $key | toString) $value -}}{{- $flags = append $flags (printf "--set-string 'monitoring.labels.%s=%s'" (replace "." "\\." $key) $value) -}}{{- end -}}
{{- end -}}
{{- range $key, $value := dig "matchLabels" (dict) (default dict (get $prometheus.spec $kind.namespaces)) -}}
{{- if ne (get $namespaceLabels $key | toString) $value -}}{{- $namespace = append $namespace (printf "%s=%s" $key $value) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "flags" ($flags | uniq | join " ") "namespace" ($namespace | uniq | join " ") | toJson -}}
{{- end -}}
