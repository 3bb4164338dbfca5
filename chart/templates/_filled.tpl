{{/*
Lists of a user's, with what the API server would fill into their entries. Argo CD and others compare such lists as they
are: what is left out here would be a difference for ever. The chart's own entries say everything themselves.
*/}}
{{- define "internode.filledRelabelings" -}}
{{- $filled := list -}}
{{- range . -}}{{- $filled = append $filled (merge (deepCopy .) (dict "action" "replace")) -}}{{- end -}}
{{- toYaml $filled -}}
{{- end -}}

{{/* Rules of a NetworkPolicy. */}}
{{- define "internode.filledPolicyRules" -}}
{{- $filled := list -}}
{{- range $rule := . -}}
{{- $rule = deepCopy $rule -}}
{{- if $rule.ports -}}
{{- $ports := list -}}
{{- range $rule.ports -}}{{- $ports = append $ports (merge . (dict "protocol" "TCP")) -}}{{- end -}}
{{- $_ := set $rule "ports" $ports -}}
{{- end -}}
{{- $filled = append $filled $rule -}}
{{- end -}}
{{- toYaml $filled -}}
{{- end -}}
