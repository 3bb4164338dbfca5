{{/* The agent's configuration: what the chart decides, then what `.Values.config` says. Lists replace lists. */}}
{{- define "internode.config" -}}
{{- $agent := .Files.Get "files/agent.json" | fromJson -}}
{{- $chart := dict "discovery" (dict "kind" "kubernetes" "service" (include "internode.fullname" .)) -}}
{{- $_ := set $chart "servicePath" (dict "hosts" (list (include "internode.servicePathName" .))) -}}
{{- with .Values.dnsPods -}}
{{- if .enabled -}}
{{- $pods := dict "host" (printf "%s.%s.svc" (include "internode.dnsPodsName" $) .namespace) -}}
{{- $_ := set $chart "dns" (dict "pods" $pods) -}}
{{- end -}}
{{- end -}}
{{- if .Values.hostNetwork -}}
{{- range $protocol, $facts := $agent.protocols -}}
{{- $_ := set $chart $protocol (dict "networks" (list "node")) -}}
{{- end -}}
{{- else if .Values.hostPort -}}
{{- range $protocol, $facts := $agent.protocols -}}
{{- if $facts.needsProbePort -}}{{- $_ := set $chart $protocol (dict "networks" (list "pod" "node")) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.hostView.enabled -}}{{- $_ := set $chart "hostView" (dict "enabled" true) -}}{{- end -}}
{{- $secrets := dict -}}
{{- with .Values.secrets.udpKey -}}
{{- if .name -}}{{- $_ := set $secrets "udp" (dict "keyFile" (printf "/etc/internode/udp-key/%s" .key)) -}}{{- end -}}
{{- end -}}
{{- if include "internode.needsToken" . -}}
{{- $_ := set $secrets "tokenFile" (printf "/etc/internode/token/%s" .Values.secrets.token.key) -}}
{{- end -}}
{{- mustMergeOverwrite $chart $secrets (deepCopy (default dict .Values.config)) | toJson -}}
{{- end -}}

{{/* Whether the agents mount the token. Of the values alone: the configuration is made with it. */}}
{{- define "internode.needsToken" -}}
{{- if or .Values.hostView.enabled (dig "actions" "enabled" false (default dict .Values.config)) -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the token: the user's own, or that of the release. */}}
{{- define "internode.tokenSecretName" -}}
{{- default (printf "%s-token" (include "internode.fullname" .)) .Values.secrets.token.name -}}
{{- end -}}

{{/* The same with the agent's defaults filled in: what templates compute with. */}}
{{- define "internode.effective" -}}
{{- $agent := .Files.Get "files/agent.json" | fromJson -}}
{{- mustMergeOverwrite (deepCopy $agent.defaults) (include "internode.config" . | fromJson) | toJson -}}
{{- end -}}

{{/* Whether ICMP needs a raw socket, and with it root and NET_RAW: capabilities do not reach other users' processes. */}}
{{- define "internode.rawSockets" -}}
{{- $config := include "internode.effective" . | fromJson -}}
{{- if and (eq $config.engine "userspace") $config.icmp.networks -}}true{{- end -}}
{{- end -}}

{{/* Why the namespace must allow the Pod Security level `privileged`, for sentences; empty when `restricted` will do. */}}
{{- define "internode.privilegedBy" -}}
{{- if .Values.hostNetwork -}}hostNetwork
{{- else if .Values.hostPort -}}hostPort
{{- else if .Values.hostView.enabled -}}hostView
{{- else if include "internode.rawSockets" . -}}the raw sockets of engine userspace (root and NET_RAW)
{{- else if contains "\"hostPath\":" (toJson .Values.extraVolumes) -}}hostPath in extraVolumes
{{- end -}}
{{- end -}}

{{/* A quantity of Kubernetes, such as 256Mi, 0.5Gi, 50m or 268435456, as a number. */}}
{{- define "internode.quantity" -}}
{{- $text := toString . -}}
{{- $units := dict "" 1.0 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- $unit := regexFind "[a-zA-Z]*$" $text -}}
{{- if hasKey $units $unit -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit) -}}
{{- end -}}
{{- end -}}

{{/* MiB for V8's old space, or empty without a memory limit. */}}
{{- define "internode.heapMebibytes" -}}
{{- with dig "limits" "memory" "" .Values.resources -}}
{{- divf (mulf (include "internode.quantity" . | float64) $.Values.heapPercent) 100.0 1048576.0 | floor | int -}}
{{- end -}}
{{- end -}}

{{/* A duration such as 1m30s in seconds. */}}
{{- define "internode.seconds" -}}
{{- $seconds := 0 -}}
{{- range $unit, $factor := dict "h" 3600 "m" 60 "s" 1 -}}
{{- $part := regexFind (printf "[0-9]+%s" $unit) $ | trimSuffix $unit -}}
{{- if $part -}}{{- $seconds = add $seconds (mul (int $part) $factor) -}}{{- end -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
