{{- define "mlctl.name" -}}
{{- if contains "mlctl" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-mlctl" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "mlctl.selector" -}}
app.kubernetes.io/name: mlctl-controller
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mlctl.labels" -}}
{{ include "mlctl.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mlctl
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "mlctl.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "mlctl.name" .) .Values.serviceAccount.name }}{{ else }}{{ required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "mlctl.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- define "mlctl.lease" -}}
{{- default "mlctl" (get .Values.settings "name") }}
{{- end }}

{{- define "mlctl.tokenSecret" -}}
{{- default (printf "%s-token" (include "mlctl.name" .)) .Values.api.existingSecret }}
{{- end }}

{{- define "mlctl.metricsKey" -}}
{{- if .Values.api.existingSecret }}{{ .Values.api.metricsKey }}{{ else }}metrics-token{{ end }}
{{- end }}

{{- define "mlctl.gitHTTPSSecret" -}}
{{- if .Values.git.https.existingSecret }}{{ .Values.git.https.existingSecret }}{{ else if .Values.git.https.credentials }}{{ include "mlctl.name" . }}-git-https{{ end }}
{{- end }}

{{- define "mlctl.gitSSHSecret" -}}
{{- if .Values.git.ssh.existingSecret }}{{ .Values.git.ssh.existingSecret }}{{ else if .Values.git.ssh.privateKey }}{{ include "mlctl.name" . }}-git-ssh{{ end }}
{{- end }}

{{- define "mlctl.watched" -}}
{{- if not .Values.allNamespaces }}{{ default .Release.Namespace .Values.watchNamespace }}{{ else if .Values.watchNamespace }}{{ fail "set either watchNamespace or allNamespaces, not both" }}{{ end }}
{{- end }}

{{- define "mlctl.rules" -}}
# The desired state and the record.
- apiGroups: [mlctl.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [mlctl.dev]
  resources: [modeldeployments/status, modeldeployments/finalizers]
  verbs: [get, update, patch]
# The objects that serve.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, patch, delete]
# The proxies of a namespace. The rights end at these names: mlctl can neither read nor create other objects of these types.
# (RBAC can limit a creation to a name if it is a server-side apply. All of mlctl's are.)
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  resourceNames: [mlctl-proxy]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts]
  resourceNames: [mlctl-proxy]
  verbs: [get, list, watch, create, patch, delete]
# The key with which the proxies sign request ids.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [mlctl-proxy-key]
  verbs: [get, list, watch, create, update, patch, delete]
# To read the state of pods, and to end idle pods of a retired revision at once.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# Check gates: each runs as a Job in its deployment's namespace, and is deleted when it has ended. The output of a check that
# uses Secrets is shown only if the controller may read those Secrets too, to redact their values: add them by name.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# The proxies' own rights. Kubernetes lets mlctl grant only rights that it has itself.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  resourceNames: [mlctl-proxy]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch, list]
{{- if .Values.rbac.gatewayAPI }}
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, update, patch, delete]
{{- end }}
{{- end }}

{{- define "mlctl.ownRules" -}}
# The lease of the leader.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "mlctl.lease" . }}]
  verbs: [get, update, patch]
# RBAC cannot limit a creation to the name of an object that does not exist yet.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
# The key that seals records and routes. Nobody else should read it: with it anybody can forge them.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "mlctl.lease" . }}-record-key]
  verbs: [get, create, patch]
# Labels the controller's own pod with mlctl.dev/leader. Pod names are not known in advance.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, patch]
{{- end }}
