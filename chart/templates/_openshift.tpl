{{/* What OpenShift would admit no pod for, by the constraints that every namespace has; nothing on other platforms. */}}
{{- define "internode.openshiftWarnings" -}}
{{- if and (.Capabilities.APIVersions.Has "security.openshift.io/v1") (not .Values.rbac.openshiftScc) }}
{{- $scc := ternary "hostnetwork-v2" "privileged" (has (include "internode.privilegedBy" .) (list "hostPort" "hostNetwork" "hostView")) }}
{{- with include "internode.privilegedBy" . }}

OpenShift: no pod is admitted with {{ . }} unless the agents' service account may use SecurityContextConstraints
that allow it. Upgrade with --set rbac.openshiftScc={{ $scc }}
{{- end }}
{{- if regexMatch "^[0-9]" (toString .Values.podSecurity.runAsUser) }}

OpenShift: podSecurity.runAsUser is {{ int64 .Values.podSecurity.runAsUser }}, and the constraints of every namespace admit only users of its own
range. Upgrade with --set podSecurity.runAsUser=null,podSecurity.runAsGroup=null
{{- end }}
{{- end }}
{{- end -}}
