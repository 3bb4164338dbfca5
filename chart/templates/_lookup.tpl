{{/*
Sets "found" to what the cluster knows, for checks and notes only: {} where nobody may be asked, or there is nothing. Objects
of a large cluster are too many to be handed back as text.
(dict "root" $ "apiVersion" "v1" "kind" "Node" "namespace" "" "name" "")
*/}}
{{- define "internode.lookup" -}}
{{- $_ := set . "found" dict -}}
{{- if .root.Values.askCluster -}}
{{- include "reading the cluster (where that is forbidden: --set askCluster=false)" . -}}
{{- end -}}
{{- end -}}

{{/* A refusal of the API server ends the render, and no template can catch it: Helm's message then has this name in it. */}}
{{- define "reading the cluster (where that is forbidden: --set askCluster=false)" -}}
{{- $_ := set . "found" (lookup .apiVersion .kind .namespace .name) -}}
{{- end -}}

{{/* Labels of a namespace, as JSON: (dict "root" $ "name" "monitoring"). */}}
{{- define "internode.namespaceLabels" -}}
{{- $query := dict "root" .root "apiVersion" "v1" "kind" "Namespace" "namespace" "" "name" .name -}}
{{- include "internode.lookup" $query -}}
{{- dig "metadata" "labels" (dict) $query.found | toJson -}}
{{- end -}}
