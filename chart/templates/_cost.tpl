{{/*
What a mesh of .nodes nodes costs, as JSON: pairs, series, packetsPerSecond, gigabytesPerDay. From the agent's own
configuration, and what its protocols say of a slot's series and a probe's packets (files/agent.json). 2 more series for
the path MTU of a pair; histograms between zones, and about 120 an agent of itself, with 5 more for each Service and
address family of the service path. Bytes are those of IP packets: requests and replies. (dict "root" $ "nodes" 10 "zones" 3)
*/}}
{{- define "internode.cost" -}}
{{- $config := include "internode.effective" .root | fromJson -}}
{{- $agent := .root.Files.Get "files/agent.json" | fromJson -}}
{{- $nodes := int .nodes -}}
{{- $peers := sub $nodes 1 -}}
{{- if and (gt $nodes (int $config.peers.fullMeshLimit)) (gt $peers (int $config.peers.sampleSize)) -}}
{{- $peers = int $config.peers.sampleSize -}}
{{- end -}}
{{- $families := ternary (len $config.families) 1 (kindIs "slice" $config.families) -}}
{{- $detail := ternary (addf 2 $agent.rttHistogramSeries) 0.0 (eq $config.metrics.pairDetail "full") -}}
{{- $series := 0.0 -}}
{{- $packets := 0.0 -}}
{{- $bytes := 0.0 -}}
{{- $slots := 0 -}}
{{- range $protocol, $facts := $agent.protocols -}}
{{- $settings := get $config $protocol -}}
{{- $count := mul $families (len $settings.networks) -}}
{{- $slots = add $slots $count -}}
{{- $series = addf $series (mulf $count (addf $facts.series $detail)) -}}
{{- $perSecond := divf (mulf $count 1000 $facts.cost.packets) $settings.intervalMs -}}
{{- $packets = addf $packets $perSecond -}}
{{- $payload := 0.0 -}}
{{- with $facts.cost.payload -}}{{- $payload = get $settings . -}}{{- end -}}
{{- $bytes = addf $bytes (mulf $perSecond (addf $facts.cost.packetBytes $payload)) -}}
{{- if and $facts.hasPathMtu $config.pathMtu.enabled (eq $config.engine "kernel") -}}
{{- $series = addf $series (mulf 2 $count) -}}
{{- $verifications := divf (mulf $count 1000) $config.pathMtu.intervalMs -}}
{{- $packets = addf $packets (mulf 2 $verifications) -}}
{{- $bytes = addf $bytes (mulf 1600 $verifications) -}}
{{- end -}}
{{- end -}}
{{- $pairs := mul $nodes $peers -}}
{{- $zones := min (int .zones) $peers -}}
{{- $perAgent := addf 120 (mulf $zones $slots $agent.rttHistogramSeries) -}}
{{- $packetsPerSecond := mulf $pairs $packets -}}
{{- $bytesPerSecond := mulf $pairs $bytes -}}
{{- if $config.dns.enabled -}}{{/* A and AAAA for every name; with servers unset, about one server a node, and about two pods */}}
{{- $servers := add (max 1 (len $config.dns.servers)) (ternary 2 0 (hasKey $config.dns.pods "host")) -}}
{{- $lookups := divf (mulf $nodes 1000 (len $config.dns.names) $servers) $config.dns.intervalMs -}}
{{- $packetsPerSecond = addf $packetsPerSecond (mulf 4 $lookups) -}}
{{- $bytesPerSecond = addf $bytesPerSecond (mulf 500 $lookups) -}}
{{- end -}}
{{- if $config.servicePath.enabled -}}{{/* SYN, SYN-ACK, ACK, RST */}}
{{- $seconds := list (divf $config.servicePath.intervalMs 1000) -}}
{{- if $config.servicePath.apiServer -}}{{- $seconds = append $seconds (maxf 30 (first $seconds)) -}}{{- end -}}
{{- $perAgent = addf $perAgent (mulf 5 $families (len $seconds)) -}}
{{- range $seconds -}}
{{- $packetsPerSecond = addf $packetsPerSecond (divf (mulf $nodes $families 4) .) -}}
{{- $bytesPerSecond = addf $bytesPerSecond (divf (mulf $nodes $families 212) .) -}}
{{- end -}}
{{- end -}}
{{- dict "pairs" $pairs
  "seriesPerPair" $series
  "series" (addf (mulf $pairs $series) (mulf $nodes $perAgent))
  "packetsPerSecond" $packetsPerSecond
  "gigabytesPerDay" (divf (mulf $bytesPerSecond 86400) 1e9)
  "sampled" (lt $peers (sub $nodes 1)) | toJson -}}
{{- end -}}

{{/* Nodes of the cluster that get an agent, and their zones, as JSON: nodes 0 where nobody may be asked. */}}
{{- define "internode.cluster" -}}
{{- $nodes := int .Values.expectedNodes -}}
{{- $zones := dict -}}
{{- $found := 0 -}}
{{- $terms := (include "internode.affinity" . | fromYaml).nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms -}}
{{- $query := dict "root" . "apiVersion" "v1" "kind" "Node" "namespace" "" "name" "" -}}
{{- include "internode.lookup" $query -}}
{{- range $query.found.items -}}
{{- $labels := default dict .metadata.labels -}}
{{- if include "internode.isWatched" (dict "root" $ "terms" $terms "labels" $labels) -}}
{{- $found = add $found 1 -}}
{{- $_ := set $zones (dig "topology.kubernetes.io/zone" "" $labels) true -}}
{{- end -}}
{{- end -}}
{{- if eq $nodes 0 -}}{{- $nodes = $found -}}{{- end -}}
{{- dict "nodes" $nodes "zones" (ternary (len $zones) 3 (gt (len $zones) 0)) | toJson -}}
{{- end -}}
