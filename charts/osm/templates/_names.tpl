{{- define "osm.namespace" -}}
{{- .Values.osm.osmNamespace | default .Release.Namespace -}}
{{- end -}}
{{- define "osm.labels" -}}
app.kubernetes.io/name: openservicemesh.io
app.kubernetes.io/instance: {{ .Values.osm.meshName }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
{{- end -}}
{{- define "osm.mutating" -}}
{{ .Values.osm.webhookConfigNamePrefix }}-{{ .Values.osm.meshName }}
{{- end -}}
{{- define "osm.validating" -}}
{{- .Values.osm.validatorWebhook.webhookConfigurationName | default (printf "osm-validator-mesh-%s" .Values.osm.meshName) -}}
{{- end -}}
{{- define "osm.meshNamespaces" -}}
matchLabels:
  openservicemesh.io/monitored-by: {{ .Values.osm.meshName }}
matchExpressions:
- {key: openservicemesh.io/ignore, operator: DoesNotExist}
- {key: kubernetes.io/metadata.name, operator: NotIn, values: [{{ include "osm.namespace" . }}]}
- {key: control-plane, operator: DoesNotExist}
{{- end -}}
