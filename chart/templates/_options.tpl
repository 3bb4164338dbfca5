{{/*
The rules between the agent's options (files/agent.json, from agent/config/rule-table.ts), one template for each kind:
a fault, or nothing. (dict "rule" … "config" <effective> "asked" <what the values say>)
*/}}

{{/* The value of an option by its path, in an object of one key. */}}
{{- define "internode.option" -}}
{{- $value := .config -}}
{{- range splitList "." .path -}}{{- $value = get (ternary $value dict (kindIs "map" $value)) . -}}{{- end -}}
{{- dict "value" $value | toJson -}}
{{- end -}}

{{/* The options in a text, as users of the chart write them. */}}
{{- define "internode.cure" -}}
{{- regexReplaceAll "[{]([^}]+)[}]" . "config.${1}" -}}
{{- end -}}

{{- define "internode.valueInWords" -}}
{{- if kindIs "slice" . -}}empty{{- else if kindIs "invalid" . -}}not set{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "internode.rule.less" -}}
{{- $low := (include "internode.option" (dict "config" .config "path" .rule.low) | fromJson).value -}}
{{- $high := (include "internode.option" (dict "config" .config "path" .rule.high) | fromJson).value -}}
{{- if ge (int $low) (int $high) }}
- "config.{{ .rule.low }} is {{ int $low }}, not less than config.{{ .rule.high }}, which is {{ int $high }}: {{ .rule.because }}. Set config.{{ .rule.low }} to at most {{ sub (int $high) 1 }}, or raise config.{{ .rule.high }}."
{{- end }}
{{- end -}}

{{- define "internode.rule.different" -}}
{{- $values := list -}}
{{- $each := list -}}
{{- range .rule.options -}}
{{- $value := int (include "internode.option" (dict "config" $.config "path" .) | fromJson).value -}}
{{- $values = append $values $value -}}
{{- $each = append $each (printf "%s %d" (last (splitList "." .)) $value) -}}
{{- end -}}
{{- if ne (len $values) (len (uniq $values)) }}
- "config.{{ first .rule.options | splitList "." | first }} has one value twice ({{ join ", " $each }}). {{ include "internode.cure" .rule.cure }}"
{{- end }}
{{- end -}}

{{- define "internode.rule.unique" -}}
{{- $values := (include "internode.option" (dict "config" .config "path" .rule.option) | fromJson).value -}}
{{- if kindIs "slice" $values -}}
{{- if ne (len $values) (len (uniq $values)) }}
- "config.{{ .rule.option }} names one of its values twice. Name it once."
{{- end }}
{{- end -}}
{{- end -}}

{{- define "internode.rule.some" -}}
{{- $all := list -}}
{{- range .rule.options -}}
{{- $all = concat $all (default list (include "internode.option" (dict "config" $.config "path" .) | fromJson).value) -}}
{{- end -}}
{{- if not $all }}
- "config.{{ join ", config." .rule.options }} are all empty: {{ .rule.because }}. {{ include "internode.cure" .rule.cure }}"
{{- end }}
{{- end -}}

{{- define "internode.rule.needs" -}}
{{- $option := (include "internode.option" (dict "config" .config "path" .rule.option) | fromJson).value -}}
{{- $needed := (include "internode.option" (dict "config" .config "path" .rule.needs) | fromJson).value -}}
{{- if and $option (not $needed) }}
{{- $says := list (printf "config.%s is %s" .rule.option (include "internode.valueInWords" $option)) (printf "config.%s is %s" .rule.needs (include "internode.valueInWords" $needed)) -}}
{{- if eq .rule.blames "needs" -}}{{- $says = reverse $says -}}{{- end }}
- "{{ join " although " $says }}. {{ include "internode.cure" .rule.cure }}"
{{- end }}
{{- end -}}

{{- define "internode.rule.excluded" -}}
{{- $where := (include "internode.option" (dict "config" .config "path" .rule.where) | fromJson).value -}}
{{- $asked := (include "internode.option" (dict "config" .asked "path" .rule.option) | fromJson).value -}}
{{- if and (eq (toString $where) .rule.is) $asked }}
- "config.{{ .rule.option }} is {{ $asked }}, but {{ .rule.because }}. {{ include "internode.cure" .rule.cure }}"
{{- end }}
{{- end -}}
