{{/*
The shipped rules with what the values override, as YAML: thresholds, where runbooks and dashboards are and the
DaemonSet's name in the text itself, as the rules' own tests do it; then `for` and labels alert by alert, those of one
severity over those of both.
*/}}
{{- define "internode.ruleGroups" -}}
{{- $alerts := .Values.alerts -}}
{{- $text := .Files.Get "files/rules/internode.yaml" -}}
{{- range $name, $value := $alerts.thresholds -}}
{{- $text = regexReplaceAll (printf "(- record: internode:threshold_%s\\n\\s+expr: vector)\\([^)]*\\)" (regexQuoteMeta $name)) $text (printf "${1}(%v)" $value) -}}
{{- end -}}
{{- with $alerts.runbookUrl -}}
{{- $text = regexReplaceAllLiteral "https://github\\.com/internode/internode/blob/main/docs/runbooks" $text (trimSuffix "/" .) -}}
{{- end -}}
{{- with $alerts.grafanaUrl -}}
{{- $text = replace "dashboard_url: /d/" (printf "dashboard_url: %s/d/" (trimSuffix "/" .)) $text -}}
{{- end -}}
{{- $text = replace "daemonset=\"internode\"" (printf "daemonset=%q" (include "internode.fullname" .)) $text -}}
{{- $groups := list -}}
{{- range $group := ($text | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $override := dict -}}
{{- if $rule.alert -}}
{{- $both := get (default dict $alerts.overrides) $rule.alert | default dict -}}
{{- $own := get $both $rule.labels.severity | default dict -}}
{{- $override = mustMergeOverwrite (deepCopy $both) (deepCopy $own) -}}
{{- $labels := mustMergeOverwrite (deepCopy $rule.labels) (dict "namespace" $.Release.Namespace) (default dict $alerts.labels) (default dict $override.labels) -}}
{{- $_ := set $rule "labels" $labels -}}
{{- with $override.for }}{{- $_ := set $rule "for" . -}}{{- end -}}
{{- end -}}
{{- if not (and (hasKey $override "enabled") (not $override.enabled)) -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}{{- $groups = append $groups (set $group "rules" $rules) -}}{{- end -}}
{{- end -}}
{{- concat $groups (default list $alerts.extraGroups) | toYaml -}}
{{- end -}}
