{{- define "internode.faults.monitoring" -}}
{{- $monitoring := .Values.monitoring -}}
{{- $rules := .Files.Get "files/rules/internode.yaml" -}}
{{- $podMonitor := eq (toString $monitoring.podMonitor.enabled) "true" }}
{{- if and $podMonitor $monitoring.serviceMonitor.enabled }}
- "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled are both true: every agent would be scraped twice. Set one of them to false."
{{- end }}
{{- if and $monitoring.scrapeAnnotations (or $podMonitor $monitoring.serviceMonitor.enabled) }}
- "monitoring.scrapeAnnotations is true beside a {{ ternary "PodMonitor" "ServiceMonitor" $podMonitor }}: every agent would be scraped twice. Set one of them to false."
{{- end }}
{{- $interval := include "internode.seconds" $monitoring.interval | int }}
{{- $timeout := include "internode.seconds" $monitoring.scrapeTimeout | int }}
{{- if or (lt $interval 1) (gt $interval 30) }}
- "monitoring.interval is {{ $monitoring.interval }}: the alert rules look at windows of one minute and need at least two scrapes in each. Set it to 30s at most; 15s is what they are made for."
{{- end }}
{{- if or (lt $timeout 1) (gt $timeout $interval) }}
- "monitoring.scrapeTimeout is {{ $monitoring.scrapeTimeout }}, not between 1s and monitoring.interval, which is {{ $monitoring.interval }}. Lower it."
{{- end }}
{{- range $name, $value := .Values.alerts.thresholds }}
{{- if not (contains (printf "- record: internode:threshold_%s\n" $name) $rules) }}
- "alerts.thresholds.{{ $name }} is no threshold of the rules. There are: {{ regexFindAll "internode:threshold_[a-z_]+\n" $rules -1 | join "" | replace "internode:threshold_" "" | trim | replace "\n" ", " }}."
{{- else if or (lt (float64 $value) 0.0) (and (regexMatch "_(ratio|share)$" $name) (gt (float64 $value) 1.0)) }}
- "alerts.thresholds.{{ $name }} is {{ $value }}, which nothing can exceed or everything does. Write a number from 0 {{ regexMatch "_(ratio|share)$" $name | ternary "to 1; 5 % is 0.05" "upwards" }}."
{{- end }}
{{- end }}
{{- range $name, $override := .Values.alerts.overrides }}
{{- $severities := list }}
{{- range ($rules | fromYaml).groups }}
{{- range .rules }}
{{- if eq $name (default "" .alert) }}{{- $severities = append $severities .labels.severity }}{{- end }}
{{- end }}
{{- end }}
{{- if and (gt (len $severities) 1) (dig "labels" "severity" "" (default dict $override)) }}
- "alerts.overrides.{{ $name }}.labels.severity would give its critical and its warning form one severity. Set alerts.overrides.{{ $name }}.critical.labels and alerts.overrides.{{ $name }}.warning.labels instead."
{{- end }}
{{- range list "critical" "warning" }}
{{- if and $severities (hasKey (default dict $override) .) (not (has . $severities)) }}
- "alerts.overrides.{{ $name }}.{{ . }}: {{ $name }} is {{ first $severities }} only. Write it into alerts.overrides.{{ $name }} itself."
{{- end }}
{{- end }}
{{- if not (contains (printf "- alert: %s\n" $name) $rules) }}
- "alerts.overrides.{{ $name }} is no alert of the rules. There are: {{ regexFindAll "- alert: [A-Za-z]+\n" $rules -1 | uniq | join "" | replace "- alert: " "" | trim | replace "\n" ", " }}."
{{- end }}
{{- end }}
{{- $receivers := list }}
{{- range $monitoring.alertmanagerConfig.receivers }}{{- $receivers = append $receivers .name }}{{- end }}
{{- with $monitoring.alertmanagerConfig.route }}
{{- if not .receiver }}
- "monitoring.alertmanagerConfig.route has no receiver: the operator would drop the whole object. Name one of monitoring.alertmanagerConfig.receivers."
{{- end }}
{{- range include "internode.routeReceivers" . | splitList "\n" | uniq }}
{{- if and . (not (has . $receivers)) }}
- "monitoring.alertmanagerConfig.route.receiver is {{ . }}, and no receiver of monitoring.alertmanagerConfig.receivers has that name: the operator would drop the whole object. Add it."
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.alerts.extraGroups }}
{{- if contains (printf "\n  - name: %s\n" .name) $rules }}
- "alerts.extraGroups has {{ .name }}, which is a group of the shipped rules. Give it another name."
{{- end }}
{{- end }}
{{- if and .Values.dashboards.grafanaOperator.enabled (not .Values.dashboards.grafanaOperator.instanceSelector) }}
- "dashboards.grafanaOperator.instanceSelector is empty: no Grafana would take the dashboards. Set it to the labels of your Grafana resource, such as {matchLabels: {dashboards: grafana}}."
{{- end }}
{{- if and .Values.dashboards.grafanaOperator.enabled (not .Values.dashboards.enabled) }}
- "dashboards.grafanaOperator.enabled is true, but its resources refer to ConfigMaps that dashboards.enabled: false leaves out. Set dashboards.enabled to true."
{{- end }}
{{- end -}}

{{/* The receivers that a route and those below it name, a line each. */}}
{{- define "internode.routeReceivers" -}}
{{ .receiver }}
{{- range .routes }}
{{ include "internode.routeReceivers" . }}
{{- end }}
{{- end -}}
