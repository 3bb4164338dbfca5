{{/* Security contexts: those of Pod Security `restricted` unless raw sockets are asked for. */}}

{{/* Null or '' leaves a key out: then the platform chooses. Raw sockets are root's. */}}
{{- define "internode.user" -}}
{{- range $key := ternary (list "fsGroup") (list "runAsUser" "runAsGroup" "fsGroup") (eq (include "internode.rawSockets" .) "true") }}
{{- $id := get $.Values.podSecurity $key }}
{{- if regexMatch "^[0-9]" (toString $id) }}
{{ $key }}: {{ int64 $id }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "internode.podSecurityContext" -}}
{{- if include "internode.rawSockets" . -}}
runAsNonRoot: false
runAsUser: 0
runAsGroup: 0
{{- else -}}
runAsNonRoot: true
{{- end }}
{{- include "internode.user" . }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "internode.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
  {{- if include "internode.rawSockets" . }}
  add: [NET_RAW]
  {{- end }}
{{- end -}}
