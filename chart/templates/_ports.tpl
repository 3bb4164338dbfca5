{{/*
The ports of the agent's container. An upgrade (Helm 3, kubectl, Argo CD) merges the old list into the new by number alone,
whatever the protocol: of two entries with one number it makes one, or gives one what belongs to the other. So UDP, which
answers on the number of TCP, is listed only where Kubernetes must know of it: for a host port.
*/}}
{{- define "internode.containerPorts" -}}
{{- $ports := (include "internode.effective" . | fromJson).ports -}}
- name: metrics
  containerPort: {{ $ports.metrics }}
  protocol: TCP
- name: http
  containerPort: {{ $ports.http }}
  protocol: TCP
- name: probe
  containerPort: {{ $ports.probe }}
  {{- if .Values.hostPort }}
  hostPort: {{ $ports.probe }}
  {{- end }}
  protocol: TCP
{{- if .Values.hostPort }}
- name: probe-udp
  containerPort: {{ $ports.probe }}
  hostPort: {{ $ports.probe }}
  protocol: UDP
{{- end }}
{{- end -}}

{{/* Where one number stands for two, each change of it needs another container, whose list is taken as it is. */}}
{{- define "internode.containerName" -}}
{{- if .Values.hostPort -}}
{{- printf "agent-%d" (int (include "internode.effective" . | fromJson).ports.probe) -}}
{{- else -}}
agent
{{- end -}}
{{- end -}}
