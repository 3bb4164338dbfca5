{{/* What each value allows by itself but not together with others. All faults at once, each with its cure. */}}
{{- define "internode.validate" -}}
{{- $faults := list -}}
{{- range $part := list "network" "agent" "pod" "extras" "policy" "cluster" "monitoring" -}}
{{- /* Not read as YAML: the values quoted in them may hold anything. */ -}}
{{- range regexFindAll "(?ms)^- \".*?\"$" (include (printf "internode.faults.%s" $part) $) -1 -}}
{{- $faults = append $faults (printf "  - %s" (. | trimPrefix "- \"" | trimSuffix "\"")) -}}
{{- end -}}
{{- end -}}
{{- if $faults -}}
{{- fail (printf "\n\nThese values contradict each other:\n%s\n" (join "\n" $faults)) -}}
{{- end -}}
{{- end -}}

{{- define "internode.faults.network" -}}
{{- $config := include "internode.effective" . | fromJson -}}
{{- $agent := .Files.Get "files/agent.json" | fromJson -}}
{{- if and .Values.hostNetwork .Values.hostPort }}
- "hostNetwork and hostPort are both true: on the host's network the probe port is the node's already. Set hostPort to false."
{{- end }}
{{- $onNode := list }}
{{- $atPort := list }}
{{- range $protocol, $facts := $agent.protocols }}
{{- $networks := (get $config $protocol).networks }}
{{- if and (has "pod" $networks) $.Values.hostNetwork }}
- "config.{{ $protocol }}.networks names pod, but with hostNetwork an agent has no address of the pod network. Leave it out, or set hostNetwork to false."
{{- end }}
{{- if $facts.needsProbePort }}{{- $atPort = append $atPort (printf "config.%s.networks" $protocol) }}{{- end }}
{{- if and $facts.needsProbePort (has "node" $networks) }}
{{- $onNode = append $onNode $protocol }}
{{- if not (or $.Values.hostNetwork $.Values.hostPort) }}
- "config.{{ $protocol }}.networks names node, where nothing answers: the probe port is open in the pods only. Set hostPort to true (the namespace then needs the Pod Security level privileged), or leave node out."
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.hostPort (not .Values.hostNetwork) (not $onNode) }}
- "hostPort is true, but neither {{ join " nor " $atPort }} names node: the port would be open for nothing. Set hostPort to false, or add node."
{{- end }}
{{- $reachable := list }}
{{- range $config.listen }}
{{- if not (regexMatch "^(127\\.|::1$)" .) }}{{- $reachable = append $reachable . }}{{- end }}
{{- if not (or $.Values.hostNetwork (has . (list "0.0.0.0" "::"))) }}
- "config.listen names {{ . }}, but every pod gets an address of its own: no agent could bind it, or nobody reach it there. Leave config.listen out, or name 0.0.0.0 or ::."
{{- end }}
{{- end }}
{{- if and .Values.hostNetwork $config.listen (not $reachable) }}
- "config.listen names {{ join " and " $config.listen }}, where no other node can reach an agent. Leave it out: the ports are then bound to the node's InternalIP."
{{- end }}
{{- if and (kindIs "slice" $config.families) (gt (len $config.families) 1) (eq .Values.service.ipFamilyPolicy "SingleStack") }}
- "config.families names two address families, but with service.ipFamilyPolicy SingleStack the agents learn only one address of each other. Set it to PreferDualStack."
{{- end }}
{{- if and (gt (len (default list .Values.service.ipFamilies)) 1) (eq .Values.service.ipFamilyPolicy "SingleStack") }}
- "service.ipFamilies names two address families, but service.ipFamilyPolicy is SingleStack. Name one, or set the policy to PreferDualStack."
{{- end }}
{{- if and (eq .Values.service.ipFamilyPolicy "SingleStack") (eq (len (default list .Values.service.ipFamilies)) 1) (kindIs "slice" $config.families) }}
{{- $listed := first .Values.service.ipFamilies }}
{{- range without $config.families (lower $listed) }}
- "config.families names {{ . }}, and service.ipFamilies only {{ $listed }}: the agents learn no {{ . }} address of each other. Name one family in both."
{{- end }}
{{- end }}
{{- $listed := default list .Values.service.ipFamilies }}
{{- if ne (len $listed) (len (uniq $listed)) }}
- "service.ipFamilies names one of its values twice. Name it once."
{{- end }}
{{- end -}}

{{- define "internode.faults.agent" -}}
{{- $config := include "internode.effective" . | fromJson -}}
{{- range (.Files.Get "files/agent.json" | fromJson).rules }}
{{- include (printf "internode.rule.%s" .kind) (dict "rule" . "config" $config "asked" (default dict $.Values.config)) }}
{{- end }}
{{- if and .Values.secrets.udpKey.name (dig "udp" "keyFile" "" (default dict .Values.config)) }}
- "secrets.udpKey.name and config.udp.keyFile both name the key. Leave out one of them."
{{- end }}
{{- if and .Values.hostView.enabled .Values.hostNetwork }}
- "hostView.enabled and hostNetwork are both true: with hostNetwork the agents are in the nodes' own network already, and tell of it. Set hostView.enabled to false."
{{- end }}
{{- if and (dig "hostView" "enabled" false (default dict .Values.config)) (not .Values.hostView.enabled) }}
- "config.hostView.enabled is true and hostView.enabled is false: agents would ask host views that do not run. Set hostView.enabled to true, and leave config.hostView.enabled out."
{{- end }}
{{- if include "internode.needsToken" . }}
{{- if dig "tokenFile" "" (default dict .Values.config) }}
- "config.tokenFile names the token's file, which the chart does itself. Leave it out, and name the Secret in secrets.token.name."
{{- end }}
{{- if and (not .Values.secrets.token.name) (not .Values.askCluster) }}
- "{{ ternary "hostView.enabled" "config.actions.enabled" .Values.hostView.enabled }} needs a token, and with askCluster false the chart cannot see the one it made before. Name a Secret in secrets.token.name; to make one: kubectl -n {{ .Release.Namespace }} create secret generic {{ include "internode.tokenSecretName" . }} --from-literal={{ .Values.secrets.token.key }}=$(openssl rand -hex 24)"
{{- end }}
{{- end }}
{{- end -}}

{{- define "internode.faults.pod" -}}
{{- $config := include "internode.effective" . | fromJson -}}
{{- if le (mul 1000 (int .Values.terminationGracePeriodSeconds)) (int $config.shutdown.drainMs) }}
- "terminationGracePeriodSeconds is {{ int .Values.terminationGracePeriodSeconds }}, not longer than config.shutdown.drainMs, which is {{ int $config.shutdown.drainMs }}: agents would be killed while they drain. Raise the one or lower the other."
{{- end }}
{{- $memory := dig "limits" "memory" "" .Values.resources }}
{{- with $memory }}
{{- if lt (include "internode.quantity" . | float64) (mulf 96 1048576.0) }}
- "resources.limits.memory is {{ . }}, too little for an agent, which would be killed again and again. Set at least 96Mi; docs/scaling.md says what a large mesh takes."
{{- end }}
{{- end }}
{{- range $path, $resources := dict "resources" .Values.resources "tests.resources" .Values.tests.resources }}
{{- range $resource, $limit := $resources.limits }}
{{- $request := get (default dict $resources.requests) $resource }}
{{- if gt (include "internode.quantity" $request | float64) (include "internode.quantity" $limit | float64) }}
- "{{ $path }}.requests.{{ $resource }} is {{ $request }}, more than {{ $path }}.limits.{{ $resource }}, which is {{ $limit }}: Kubernetes refuses such pods. Lower the request or raise the limit."
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq .Values.dnsPolicy "None") (not (dig "nameservers" "" (default dict .Values.dnsConfig))) }}
- "dnsPolicy is None and dnsConfig names no nameservers: Kubernetes refuses such pods. Name them, or leave dnsPolicy out."
{{- end }}
{{- if and .Values.pingGroupRange (not .Values.hostNetwork) }}
{{- $groups := splitList " " .Values.pingGroupRange }}
{{- $group := dig "runAsGroup" nil .Values.podSecurity }}
{{- if gt (last $groups | float64) 2147483647.0 }}
- "pingGroupRange is {{ .Values.pingGroupRange }}, and Linux takes nothing above 2147483647: no pod would start. Lower it."
{{- else if and $config.icmp.networks (eq $config.engine "kernel") (regexMatch "^[0-9]" (toString $group)) (or (lt (float64 $group) (first $groups | float64)) (gt (float64 $group) (last $groups | float64))) }}
- "pingGroupRange is {{ .Values.pingGroupRange }}, which leaves out podSecurity.runAsGroup, {{ int64 $group }}: the agents could not open ICMP. Widen it, or set it to '' to leave the range to the runtime."
{{- end }}
{{- end }}
{{- range $key, $_ := merge (dict) (default dict .Values.commonLabels) (default dict .Values.podLabels) }}
{{- if has $key (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "app.kubernetes.io/part-of" "helm.sh/chart" "sidecar.istio.io/inject" "istio.io/dataplane-mode") }}
- "commonLabels or podLabels has {{ $key }}, which the chart sets itself. Remove it; nameOverride changes the name."
{{- end }}
{{- end }}
{{- range $key, $_ := .Values.podAnnotations }}
{{- if has $key (list "checksum/config" "linkerd.io/inject" "kubectl.kubernetes.io/default-container") }}
- "podAnnotations has {{ $key }}, which the chart sets itself. Remove it."
{{- else if and $.Values.monitoring.scrapeAnnotations (has $key (list "prometheus.io/scrape" "prometheus.io/port" "prometheus.io/path")) }}
- "podAnnotations has {{ $key }}, which monitoring.scrapeAnnotations sets. Remove it."
{{- end }}
{{- end }}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
- "serviceAccount.create is false and serviceAccount.name is empty. Name the service account that is there, or let the chart create one."
{{- end }}
{{- end -}}

{{- define "internode.faults.cluster" -}}
{{- $name := include "internode.fullname" . }}
{{- if not (regexMatch "^[a-z]" $name) }}
- "everything would be named {{ $name }}, and a Service's name begins with a letter. Set fullnameOverride, or choose another release name."
{{- end }}
{{- $class := include "internode.priorityClassName" . }}
{{- if hasPrefix "system-" $class }}
{{- if .Values.priorityClass.create }}
- "priorityClass.name is {{ $class }}: names that begin with system- are Kubernetes' own and cannot be created. Choose another, or set priorityClass.create to false."
{{- else if ne .Release.Namespace "kube-system" }}
- "priorityClass.name is {{ $class }} in namespace {{ .Release.Namespace }}: many clusters admit it only in kube-system. Let the chart create a class of its own (priorityClass.create)."
{{- end }}
{{- end }}
{{- if include "internode.privilegedBy" . }}
{{- $level := get (include "internode.namespaceLabels" (dict "root" . "name" .Release.Namespace) | fromJson) "pod-security.kubernetes.io/enforce" }}
{{- if has $level (list "baseline" "restricted") }}
- "namespace {{ .Release.Namespace }} enforces the Pod Security level {{ $level }}, which admits no pod with {{ include "internode.privilegedBy" . }}. Run: kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=privileged --overwrite"
{{- end }}
{{- end }}
{{- end -}}
