{{/* An image that no registry has must be in the nodes before: how it gets there. Nothing for one of a registry. */}}
{{- define "internode.imageNotes" -}}
{{- $image := include "internode.image" . -}}
{{- if not (contains "/" $image) }}

Image: no registry has {{ $image }}. Where pods say ErrImagePull, bring it to the nodes from a checkout of the project:
  npm run image -- --to kind      # or k3s, minikube
or push it to a registry of your own and name that:
  npm run image -- --to registry.example/team/internode
  helm -n {{ .Release.Namespace }} upgrade {{ .Release.Name }} <this chart> --reset-then-reuse-values --set image.repository=registry.example/team/internode
{{- end }}
{{- end -}}
