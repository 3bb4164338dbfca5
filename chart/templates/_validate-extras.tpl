{{/* What the values add to the pods and to the release: nothing twice, nothing that refers to nothing. */}}
{{- define "internode.faults.extras" -}}
{{- $names := list "NODE_NAME" "POD_NAMESPACE" "POD_IPS" "HOST_IPS" }}
{{- if dig "limits" "memory" "" .Values.resources }}{{- $names = append $names "NODE_OPTIONS" }}{{- end }}
{{- $seen := list }}
{{- range .Values.env }}
{{- if has .name $names }}
- "env has {{ .name }}, which the chart sets itself. Remove it{{ if eq .name "NODE_OPTIONS" }}; heapPercent and resources.limits.memory bound the heap{{ end }}."
{{- else if hasPrefix "INTERNODE_" .name }}
- "env has {{ .name }}: ports, policies and notes follow `config`, and would not follow this. Set the option there; docs/configuration.md has its path."
{{- else if has .name $seen }}
- "env has {{ .name }} twice: only the last would count. Leave out the other."
{{- end }}
{{- $seen = append $seen .name }}
{{- end }}
{{- $volumes := list "config" }}
{{- $paths := list "/etc/internode/config.json" }}
{{- range $name, $secret := dict "udp-key" .Values.secrets.udpKey }}
{{- if $secret.name }}
{{- $volumes = append $volumes $name }}
{{- $paths = append $paths (printf "/etc/internode/%s" $name) }}
{{- end }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- if has .name (list "config" "udp-key") }}
- "extraVolumes has {{ .name }}, which the chart mounts itself. Give it another name."
{{- else if has .name $volumes }}
- "extraVolumes has {{ .name }} twice: Kubernetes refuses such pods. Give one of them another name."
{{- end }}
{{- $volumes = append $volumes .name }}
{{- end }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $volumes) }}
- "extraVolumeMounts mounts {{ .name }}, which is no volume: Kubernetes refuses such pods. Add it to extraVolumes; there are {{ join ", " $volumes }}."
{{- end }}
{{- $path := trimSuffix "/" .mountPath }}
{{- if has $path $paths }}
- "extraVolumeMounts mounts two volumes at {{ .mountPath }}: Kubernetes refuses such pods. Choose another path."
{{- end }}
{{- $paths = append $paths $path }}
{{- end }}
{{- range $i, $manifest := .Values.extraManifests }}
{{- $text := tpl (include "internode.extraManifest" $manifest) $ }}
{{- range regexSplit "(?m)^---.*$" $text -1 }}
{{- if regexMatch "(?m)^\\s*[^#\\s]" . }}
{{- $object := fromYaml . }}
{{- $missing := list }}
{{- range $key := list "apiVersion" "kind" }}{{- if not (get $object $key) }}{{- $missing = append $missing $key }}{{- end }}{{- end }}
{{- if not (or (hasKey $object "items") (dig "metadata" "name" "" $object)) }}{{- $missing = append $missing "metadata.name" }}{{- end }}
{{- if $missing }}
- "extraManifests[{{ $i }}] is no object of Kubernetes: {{ join ", " $missing }} missing in `{{ regexReplaceAll "\\s+" . " " | trim | trunc 60 }}`. Write the object itself, or its YAML as text."
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One of them as the text that it is, or would be. */}}
{{- define "internode.extraManifest" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toYaml . }}{{- end -}}
{{- end -}}
