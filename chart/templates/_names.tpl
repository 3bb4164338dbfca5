{{/* Names and labels. */}}

{{- define "internode.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimAll "-." -}}
{{- end -}}

{{/* The Service's name too, which has no dots. An alias in an umbrella chart may have capitals and underscores. */}}
{{- define "internode.fullname" -}}
{{- $name := include "internode.name" . -}}
{{- $ofRelease := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $ofRelease .Values.fullnameOverride | lower | replace "." "-" | replace "_" "-" | trunc 50 | trimAll "-" -}}
{{- end -}}

{{/* The Service that the service path is probed with, found by this name through the pods' search list. */}}
{{- define "internode.servicePathName" -}}
{{- printf "%s-agents" (include "internode.fullname" .) -}}
{{- end -}}

{{/* It lies in the namespace of the DNS pods, where releases of several namespaces may meet. */}}
{{- define "internode.dnsPodsName" -}}
{{- $name := printf "%s-%s" .Release.Namespace (include "internode.fullname" .) -}}
{{- if gt (len $name) 59 }}{{ $name = printf "%s-%s" (trunc 48 $name) (sha256sum $name | trunc 8) }}{{ end -}}
{{- printf "%s-dns" (regexReplaceAll "^[0-9]" $name "n${0}") | trunc 63 -}}
{{- end -}}

{{- define "internode.serviceAccountName" -}}
{{- default (include "internode.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/*
PriorityClasses belong to the cluster: the namespace makes the name unique per release, and no other name has a dot. Names
that begin with system- are Kubernetes' own.
*/}}
{{- define "internode.priorityClassName" -}}
{{- if .Values.priorityClass.create -}}
{{- $ofRelease := printf "%s.%s" .Release.Namespace (include "internode.fullname" .) -}}
{{- default (ternary (printf "internode.%s" $ofRelease) $ofRelease (hasPrefix "system-" $ofRelease)) .Values.priorityClass.name -}}
{{- else -}}
{{- .Values.priorityClass.name -}}
{{- end -}}
{{- end -}}

{{- define "internode.image" -}}
{{- with .Values.image -}}
{{- with default .registry (default dict $.Values.global).imageRegistry -}}{{ trimSuffix "/" . }}/{{- end -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Key and list, or nothing: a name that several values give is there once. */}}
{{- define "internode.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat (default list (default dict .Values.global).imagePullSecrets) (default list .Values.imagePullSecrets) -}}
{{- if kindIs "string" . -}}{{- $names = append $names . -}}{{- else -}}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{- with uniq $names -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* What never changes in the life of a release: DaemonSets cannot change their selector. */}}
{{- define "internode.releaseLabels" -}}
app.kubernetes.io/name: {{ include "internode.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* Only the agents carry all of these: the pod of `helm test` is no peer. */}}
{{- define "internode.agentLabels" -}}
{{ include "internode.releaseLabels" . }}
app.kubernetes.io/component: agent
{{- end -}}

{{/* Pods of the host view are no agents: neither Service nor Prometheus takes them. */}}
{{- define "internode.hostViewLabels" -}}
{{ include "internode.releaseLabels" . }}
app.kubernetes.io/component: host-view
{{- end -}}

{{- define "internode.hostViewName" -}}
{{- printf "%s-host-view" (include "internode.fullname" .) -}}
{{- end -}}

{{- define "internode.testLabels" -}}
{{ include "internode.releaseLabels" . }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "internode.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "internode.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: internode
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Metadata of an object: (dict "root" $). Further keys: "name" and "namespace" instead of the release's own, "isOfCluster"
for no namespace at all, "labels" and "annotations" of the object itself, which win over those of all objects.
*/}}
{{- define "internode.metadata" -}}
name: {{ default (include "internode.fullname" .root) .name | quote }}
{{- if not .isOfCluster }}
namespace: {{ default .root.Release.Namespace .namespace | quote }}
{{- end }}
labels:
  {{- mustMergeOverwrite (include "internode.labels" .root | fromYaml) (default dict .labels) | toYaml | nindent 2 }}
{{- with mustMergeOverwrite (deepCopy (default dict .root.Values.commonAnnotations)) (default dict .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
