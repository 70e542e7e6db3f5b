{{- define "chargeline.labels" -}}
app.kubernetes.io/name: chargeline
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "chargeline.selector" -}}
app.kubernetes.io/name: chargeline
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "chargeline.image" -}}
{{- with .root.Values.image -}}
{{ with .registry }}{{ . }}/{{ end }}{{ .prefix }}{{ $.component }}:{{ .tag | default $.root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- /* The environment that is no secret, for the ConfigMap and for the job that runs before it is there. */ -}}
{{- define "chargeline.config" -}}
{{- $c := .Values.config -}}
CHARGELINE_KAFKA: {{ required "config.kafka is needed: host:port,…" $c.kafka | quote }}
CHARGELINE_KAFKA_SECURITY: {{ $c.kafkaSecurity | quote }}
CHARGELINE_KAFKA_MECHANISM: {{ $c.kafkaMechanism | quote }}
CHARGELINE_KAFKA_USER: {{ $c.kafkaUser | quote }}
CHARGELINE_KAFKA_CA: {{ $c.kafkaCa | quote }}
CHARGELINE_KAFKA_CERT: {{ $c.kafkaCert | quote }}
CHARGELINE_KAFKA_KEY: {{ $c.kafkaKey | quote }}
CHARGELINE_NAMESPACE: {{ $c.namespace | quote }}
CHARGELINE_PARTITIONS: {{ $c.partitions | quote }}
CHARGELINE_REPLICATION: {{ $c.replication | quote }}
CHARGELINE_MIN_INSYNC_REPLICAS: {{ $c.minInsyncReplicas | quote }}
CHARGELINE_RETENTION_DAYS: {{ $c.retentionDays | quote }}
CHARGELINE_SESSION_TIMEOUT_S: {{ $c.sessionTimeoutS | quote }}
CHARGELINE_HEARTBEAT_S: {{ $c.heartbeatS | quote }}
CHARGELINE_REBALANCE_TIMEOUT_S: {{ $c.rebalanceTimeoutS | quote }}
CHARGELINE_MAX_POLL_INTERVAL_S: {{ $c.maxPollIntervalS | quote }}
CHARGELINE_REQUEST_TIMEOUT_S: {{ $c.requestTimeoutS | quote }}
CHARGELINE_HANDLER_TIMEOUT_S: {{ $c.handlerTimeoutS | quote }}
CHARGELINE_LEASE_TTL_S: {{ $c.leaseTtlS | quote }}
CHARGELINE_DRAIN_S: {{ $c.drainS | quote }}
CHARGELINE_SWEEP_S: {{ $c.sweepS | quote }}
CHARGELINE_HEALTH_PORT: {{ .Values.healthPort | quote }}
CHARGELINE_API_PORT: {{ .Values.apiPort | quote }}
CHARGELINE_API_ORIGIN: {{ $c.apiOrigin | quote }}
{{- with $c.otlpEndpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "chargeline.secret" -}}
{{- $s := .Values.secret -}}
{{- $name := required "secret.name is needed: a secret with the keys `key` and `mongodb`" $s.name -}}
- name: CHARGELINE_MONGODB
  valueFrom: { secretKeyRef: { name: {{ $name }}, key: {{ $s.mongodb }} } }
- name: CHARGELINE_KEY
  valueFrom: { secretKeyRef: { name: {{ $name }}, key: {{ $s.key }} } }
{{- with $s.kafkaPassword }}
- name: CHARGELINE_KAFKA_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ $name }}, key: {{ . }} } }
{{- end }}
{{- end }}

{{- /* Certificates for the brokers, from a secret of their own, where config.kafkaCa and so on look. */ -}}
{{- define "chargeline.kafkaMount" -}}
{{- if .Values.secret.kafkaFiles }}
- { name: kafka, mountPath: /etc/chargeline/kafka, readOnly: true }
{{- end }}
{{- end }}

{{- define "chargeline.kafkaVolume" -}}
{{- with .Values.secret.kafkaFiles }}
- { name: kafka, secret: { secretName: {{ . }}, defaultMode: 0440 } }
{{- end }}
{{- end }}

{{- define "chargeline.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "chargeline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* A service with what it does not say itself taken from the defaults, as JSON. */ -}}
{{- define "chargeline.service" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy .given) | toJson -}}
{{- end }}

{{- define "chargeline.check" -}}
{{- $v := .Values -}}
{{- if le (int $v.terminationGracePeriodS) (int $v.config.drainS) -}}
{{- fail (printf "terminationGracePeriodS (%d) must be more than config.drainS (%d): what is in hand is finished first" (int $v.terminationGracePeriodS) (int $v.config.drainS)) -}}
{{- end -}}
{{- if ge (int $v.config.drainS) (int $v.config.rebalanceTimeoutS) -}}
{{- fail "config.drainS must be less than config.rebalanceTimeoutS" -}}
{{- end -}}
{{- if ge (int $v.config.minInsyncReplicas) (add (int $v.config.replication) 1 | int) -}}
{{- fail "config.minInsyncReplicas must not be more than config.replication: nothing could be published" -}}
{{- end -}}
{{- range $name, $given := $v.services -}}
{{- $s := include "chargeline.service" (dict "root" $ "given" $given) | fromJson -}}
{{- $most := ternary (int $s.autoscaling.maxReplicas) (int $s.replicas) $s.autoscaling.enabled -}}
{{- if gt $most (int $v.config.partitions) -}}
{{- fail (printf "services.%s may have %d replicas, but topics have %d partitions (config.partitions): the others would idle. Lower maxReplicas or replicas" $name $most (int $v.config.partitions)) -}}
{{- end -}}
{{- if and $s.autoscaling.enabled (gt (int $s.autoscaling.minReplicas) (int $s.autoscaling.maxReplicas)) -}}
{{- fail (printf "services.%s.autoscaling: minReplicas is more than maxReplicas" $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
