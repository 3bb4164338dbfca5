{{/* Which nodes get an agent. */}}

{{/*
What every node must be, as a list of matchExpressions: a virtual node has no network of its own to measure, and what runs
there is no peer. Those that nothing but a taint tells apart cannot be left out here: every taint is tolerated.
*/}}
{{- define "internode.nodeConditions" -}}
- { key: kubernetes.io/os, operator: In, values: [linux] }
- { key: kubernetes.io/arch, operator: In, values: [amd64, arm64] }
# virtual-kubelet and what is built on it (Azure Container Instances, Alibaba ECI, Huawei CCI, Admiralty …); kwok.
- { key: type, operator: NotIn, values: [virtual-kubelet, kwok] }
- { key: virtual-kubelet.io/provider, operator: DoesNotExist }
- { key: kwok.x-k8s.io/node, operator: DoesNotExist }
- { key: liqo.io/type, operator: NotIn, values: [virtual-node] }
- { key: kosmos.io/node, operator: DoesNotExist }
- { key: eks.amazonaws.com/compute-type, operator: NotIn, values: [fargate] }
# Super nodes of Tencent TKE.
- { key: node.kubernetes.io/instance-type, operator: NotIn, values: [eklet] }
{{- end -}}

{{/* The values' affinity, with the chart's own conditions in every one of its terms: terms are alternatives. */}}
{{- define "internode.affinity" -}}
{{- $affinity := deepCopy (default dict .Values.affinity) -}}
{{- $conditions := include "internode.nodeConditions" . | fromYamlArray -}}
{{- $nodeAffinity := deepCopy (default dict $affinity.nodeAffinity) -}}
{{- $terms := list -}}
{{- $required := default dict $nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution -}}
{{- range default (list dict) $required.nodeSelectorTerms -}}
{{- $terms = append $terms (set . "matchExpressions" (concat $conditions (default list .matchExpressions))) -}}
{{- end -}}
{{- $_ := set $nodeAffinity "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- set $affinity "nodeAffinity" $nodeAffinity | toYaml -}}
{{- end -}}

{{/* Whether a node of these labels gets an agent: (dict "root" $ "terms" list "labels" dict), terms those of the affinity. */}}
{{- define "internode.isWatched" -}}
{{- range .terms -}}
{{- $selector := dict "matchLabels" (default dict $.root.Values.nodeSelector) "matchExpressions" .matchExpressions -}}
{{- if not (include "internode.selects" (dict "selector" $selector "isSet" true "labels" $.labels)) -}}true{{- end -}}
{{- end -}}
{{- end -}}
