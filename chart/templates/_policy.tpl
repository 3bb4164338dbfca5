{{/* Which kind of policy is rendered; empty for none: policies do not apply to pods in the nodes' network. */}}
{{- define "internode.policyFlavor" -}}
{{- if and .Values.networkPolicy.enabled (not .Values.hostNetwork) -}}{{ .Values.networkPolicy.flavor }}{{- end -}}
{{- end -}}

{{/* Whether any protocol measures the node network. */}}
{{- define "internode.measuresNodes" -}}
{{- $config := include "internode.effective" . | fromJson -}}
{{- if has "node" (concat $config.icmp.networks $config.tcp.networks $config.udp.networks) -}}true{{- end -}}
{{- end -}}

{{- define "internode.faults.policy" -}}
{{- $policy := .Values.networkPolicy }}
{{- $flavor := include "internode.policyFlavor" . }}
{{- if and (eq $flavor "kubernetes") $policy.egress.enabled (include "internode.measuresNodes" .) (not $policy.egress.nodes) }}
- "networkPolicy.egress.enabled is true and networkPolicy.egress.nodes names no addresses: every probe over the node network would be dropped. Name the CIDRs of the nodes, set networkPolicy.flavor to cilium where that is the CNI, or leave node out of config.icmp.networks, config.tcp.networks and config.udp.networks."
{{- end }}
{{- range $path, $rules := dict "metricsFrom" $policy.metricsFrom "extraIngress" $policy.extraIngress "egress.extra" $policy.egress.extra }}
{{- range $rule := $rules }}
{{- range $key, $_ := $rule }}
{{- $isCiliums := regexMatch "^(from|to)(Endpoints|Entities|CIDR|CIDRSet|Ports|Services|FQDNs|Nodes|Groups|Requires)$|^(icmps|authentication)$" $key }}
{{- if and (eq $flavor "kubernetes") $isCiliums }}
- "networkPolicy.{{ $path }} has {{ $key }}, a word of Cilium, and networkPolicy.flavor is kubernetes. Set the flavor to cilium, or write the rule as for a NetworkPolicy."
{{- else if and (eq $flavor "cilium") (has $key (list "from" "to" "ports" "namespaceSelector" "podSelector" "ipBlock")) }}
- "networkPolicy.{{ $path }} has {{ $key }}, a word of NetworkPolicy, and networkPolicy.flavor is cilium. Write the rule as for a CiliumNetworkPolicy, such as {{ ternary "{fromEntities: [cluster]}" "{toEntities: [cluster]}" (ne $path "egress.extra") }}."
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
