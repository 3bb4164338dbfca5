{{/* What the reader must know or do, below the notes. Nothing when there is nothing. */}}
{{- define "internode.warnings" -}}
{{- $config := include "internode.effective" . | fromJson }}
{{- with include "internode.privilegedBy" . }}

Pod Security: the namespace needs the level `privileged` for {{ . }}.
`baseline` and `restricted` admit no pod, and only an event of the DaemonSet tells:
  kubectl label namespace {{ $.Release.Namespace }} pod-security.kubernetes.io/enforce=privileged --overwrite
{{- end }}
{{- include "internode.openshiftWarnings" . }}
{{- if .Values.hostPort }}

hostPort: the probe port {{ $config.ports.probe }} (TCP and UDP) answers on every address of the nodes. Keep it from the outside by the
cloud's firewall; it must be open between nodes.
{{- end }}
{{- if .Values.hostNetwork }}

hostNetwork: ports {{ $config.ports.probe }} (TCP and UDP), {{ $config.ports.http }} and {{ $config.ports.metrics }} are bound to {{ $config.listen | join " and " | default "the nodes' InternalIPs" }} and must be open between
nodes. NetworkPolicies do not apply. Only network="node" is measured and exported.
{{- end }}
{{- if .Values.hostView.enabled }}

hostView: a second DaemonSet, {{ include "internode.hostViewName" . }}, runs in the nodes' own network without any capability, and tells the agents
their interfaces, routes, neighbours, counters and sockets. Port {{ $config.ports.hostView }} of the InternalIPs must be open between nodes; it answers only
who has the token of Secret {{ include "internode.tokenSecretName" . }}. Then: internode routes
{{- end }}
{{- if and $config.icmp.networks (eq $config.engine "kernel") (or .Values.hostNetwork (not .Values.pingGroupRange)) }}

ICMP: the chart does not set net.ipv4.ping_group_range here. Where the {{ ternary "node" "runtime" .Values.hostNetwork }}'s own range leaves out the agent's group,
the agent goes on with TCP and UDP and says so in its log and by internode_protocol_available{protocol="icmp"} = 0.
{{- end }}
{{- include "internode.monitoringNotes" . }}
{{- end -}}

{{/* Who scrapes, and what is known to keep them from it. */}}
{{- define "internode.monitoringNotes" -}}
{{- if or (include "internode.hasPodMonitor" .) .Values.monitoring.serviceMonitor.enabled }}
{{- $query := dict "root" . "apiVersion" "monitoring.coreos.com/v1" "kind" "Prometheus" "namespace" "" "name" "" }}
{{- include "internode.lookup" $query }}
{{- $prometheuses := default list $query.found.items }}
{{- $namespaces := dict }}
{{- if $prometheuses }}
{{- range include "internode.selectedKinds" . | fromJsonArray }}
{{- $_ := set $namespaces .namespace (include "internode.namespaceLabels" (dict "root" $ "name" .namespace) | fromJson) }}
{{- end }}
{{- end }}
{{- with include "internode.unselected" (dict "root" . "prometheuses" $prometheuses "namespaces" $namespaces) | fromYamlArray }}

PROMETHEUS WILL NOT SEE THIS RELEASE:
{{- range . }}
  {{ . }}
{{- end }}
{{- $cure := include "internode.selectionCure" (dict "root" $ "prometheuses" $prometheuses "namespaces" $namespaces) | fromJson }}
{{- with $cure.flags }}
Label its objects:
  helm -n {{ $.Release.Namespace }} upgrade {{ $.Release.Name }} <this chart> --reset-then-reuse-values {{ . }}
{{- end }}
{{- with $cure.commands }}
Label the namespace:
{{- range . }}
  {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- else if not (or .Values.monitoring.scrapeAnnotations (eq (toString .Values.monitoring.podMonitor.enabled) "false")) }}

Nobody scrapes yet: the Prometheus Operator's kinds are not known here. Without the operator, point Prometheus at port {{ (include "internode.effective" . | fromJson).ports.metrics }}
of the pods and load files/rules/internode.yaml, as the chart's README shows; with it, set monitoring.podMonitor.enabled
and monitoring.prometheusRule.enabled to true.
{{- end }}
{{- if and (or (include "internode.hasPodMonitor" .) .Values.monitoring.serviceMonitor.enabled .Values.monitoring.scrapeAnnotations) (not (include "internode.hasPrometheusRule" .)) (ne (toString .Values.monitoring.prometheusRule.enabled) "false") }}

No alert fires yet: the kind PrometheusRule is not known here. With the operator, set monitoring.prometheusRule.enabled to
true; without, load files/rules/internode.yaml, as the chart's README shows.
{{- end }}
{{- end -}}
