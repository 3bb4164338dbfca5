{{/* What the reader must know or do, below the notes. Nothing when there is nothing. */}}
{{- define "internode.warnings" -}}
{{- $config := include "internode.effective" . | fromJson }}
{{- if eq (include "internode.podSecurityLevel" .) "privileged" }}

Pod Security: {{ include "internode.privilegedBy" . }} needs a namespace at the level `privileged`; `baseline` and `restricted`
admit no pod, and only an event of the DaemonSet tells:
  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=privileged --overwrite
{{- end }}
{{- if .Values.hostPort }}

hostPort: the probe port {{ $config.ports.probe }} (TCP and UDP) answers on every address of the nodes. Keep it from the outside by the
cloud's firewall; it must be open between nodes.
{{- end }}
{{- if .Values.hostNetwork }}

hostNetwork: ports {{ $config.ports.probe }} (TCP and UDP), {{ $config.ports.http }} and {{ $config.ports.metrics }} are bound to the nodes' InternalIPs and must be open between
nodes. NetworkPolicies do not apply. Only network="node" is measured and exported.
{{- end }}
{{- if and $config.icmp.networks (eq $config.engine "kernel") (or .Values.hostNetwork (not .Values.pingGroupRange)) }}

ICMP: the chart does not set net.ipv4.ping_group_range here. Where the {{ ternary "node" "runtime" .Values.hostNetwork }}'s own range leaves out the agent's group,
the agent goes on with TCP and UDP and says so in its log and by internode_protocol_available{protocol="icmp"} = 0.
{{- end }}
{{- end -}}
