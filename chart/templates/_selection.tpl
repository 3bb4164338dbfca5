{{/*
Whether the Prometheus resources there are will take this release's objects: sentences for what no Prometheus takes, with
the cure. The commonest failure of real installs is an object that nobody selects. As a YAML list.
(dict "root" $ "prometheuses" list "namespaces" dict); namespaces: name → labels.
*/}}
{{- define "internode.unselected" -}}
{{- range $kind := include "internode.untaken" . | fromJsonArray }}
- {{ printf "%s: %s." (join "; " $kind.why) $kind.loss | quote }}
{{- end }}
{{- end -}}

{{/* The kinds of this release that no Prometheus takes, as JSON, each with `why`. Where there is none, nothing is known. */}}
{{- define "internode.untaken" -}}
{{- $untaken := list -}}
{{- range $kind := include "internode.selectedKinds" .root | fromJsonArray -}}
{{- $why := list -}}
{{- $isTaken := false -}}
{{- range $prometheus := $.prometheuses -}}
{{- $fault := include "internode.refusal" (dict "root" $.root "kind" $kind "prometheus" $prometheus "namespaceLabels" (get $.namespaces $kind.namespace | default dict)) -}}
{{- if $fault -}}{{- $why = append $why $fault -}}{{- else -}}{{- $isTaken = true -}}{{- end -}}
{{- end -}}
{{- if and $why (not $isTaken) -}}{{- $untaken = append $untaken (set $kind "why" $why) -}}{{- end -}}
{{- end -}}
{{- toJson $untaken -}}
{{- end -}}

{{/* Why one Prometheus does not take a kind of this release; empty when it does. */}}
{{- define "internode.refusal" -}}
{{- $labels := (include "internode.monitoringMetadata" (dict "root" .root "own" .kind.own) | fromYaml).labels -}}
{{- $name := printf "%s/%s" .prometheus.metadata.namespace .prometheus.metadata.name -}}
{{- $isHere := eq .prometheus.metadata.namespace .kind.namespace -}}
{{- $areNamespacesSet := hasKey .prometheus.spec .kind.namespaces -}}
{{- $fault := include "internode.selects" (dict "selector" (get .prometheus.spec .kind.selector) "isSet" (hasKey .prometheus.spec .kind.selector) "labels" $labels) -}}
{{- $elsewhere := include "internode.selects" (dict "selector" (get .prometheus.spec .kind.namespaces) "isSet" true "labels" .namespaceLabels) -}}
{{- if $fault -}}
{{- printf "Prometheus %s takes a %s only with %s" $name .kind.kind $fault -}}
{{- else if and (not $areNamespacesSet) (not $isHere) -}}
{{- printf "Prometheus %s takes a %s only from its own namespace" $name .kind.kind -}}
{{- else if and $areNamespacesSet $elsewhere -}}
{{- printf "Prometheus %s takes a %s only from namespaces with %s" $name .kind.kind $elsewhere -}}
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
{{- range $kinds -}}{{- $_ := set . "namespace" (default $.Release.Namespace .own.namespace) -}}{{- end -}}
{{- toJson $kinds -}}
{{- end -}}

{{/*
What cures it, as JSON: flags for `helm`, and commands that label the namespaces. For what no Prometheus takes, and by what one of them
asks for, the release's own namespace's first: labels for several might contradict each other.
*/}}
{{- define "internode.selectionCure" -}}
{{- $flags := list -}}
{{- $commands := list -}}
{{- $untaken := include "internode.untaken" . | fromJsonArray -}}
{{- $isEverything := eq (len $untaken) (len (include "internode.selectedKinds" .root | fromJsonArray)) -}}
{{- $prometheus := dict -}}
{{- range $candidate := .prometheuses -}}
{{- if or (not $prometheus) (and (eq $candidate.metadata.namespace $.root.Release.Namespace) (ne $prometheus.metadata.namespace $.root.Release.Namespace)) -}}{{- $prometheus = $candidate -}}{{- end -}}
{{- end -}}
{{- range $kind := $untaken -}}
{{- $labels := (include "internode.monitoringMetadata" (dict "root" $.root "own" $kind.own) | fromYaml).labels -}}
{{- range $key, $value := dig "matchLabels" (dict) (default dict (get $prometheus.spec $kind.selector)) -}}
{{- if ne (get $labels $key | toString) $value -}}
{{- $isShared := $isEverything -}}
{{- range $other := $untaken -}}
{{- $isShared = and $isShared (eq (dig "matchLabels" $key "" (default dict (get $prometheus.spec $other.selector))) $value) (not (hasKey (default dict $other.own.labels) $key)) -}}
{{- end -}}
{{- $path := ternary "monitoring.labels" (printf "monitoring.%s.labels" (untitle $kind.kind)) $isShared -}}
{{- $flags = append $flags (printf "--set-string '%s.%s=%s'" $path (replace "." "\\." $key) $value) -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := dig "matchLabels" (dict) (default dict (get $prometheus.spec $kind.namespaces)) -}}
{{- if ne (get (get $.namespaces $kind.namespace | default dict) $key | toString) $value -}}{{- $commands = append $commands (printf "kubectl label namespace %s %s=%s" $kind.namespace $key $value) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "flags" ($flags | uniq | join " ") "commands" (uniq $commands) | toJson -}}
{{- end -}}
