extension RuntimePresets {
    /// BentoML: the model's folder is the Bento, or holds `service.py`.
    static let bentoML = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata:
          name: bentoml
        spec:
          command: [bentoml, serve, .]
          args: [--host, $(BIND_ADDRESS), --port, $(PORT)]
          env:
          # In a cluster 0.0.0.0: others than this machine ask there.
          - {name: BIND_ADDRESS, value: 127.0.0.1}
          - {name: BENTOML_DO_NOT_TRACK, value: "True"}
          # The model's folder is a verified copy: nothing is written into it.
          - {name: PYTHONDONTWRITEBYTECODE, value: "1"}
          ports:
          - {name: http, containerPort: 3000}
          probes:
            startup:
              httpGet: {path: /readyz}
              periodSeconds: 1
              failureThreshold: 300
            readiness:
              httpGet: {path: /readyz}
            liveness:
              httpGet: {path: /livez}
          metrics: {path: /metrics, port: http, dialect: bentoml}
        """
}
