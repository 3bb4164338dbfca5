{{- define "internode.faults.monitoring" -}}
{{- end -}}
