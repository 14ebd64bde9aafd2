extension RuntimePresets {
    /// mlctl's own small server: `model.json` is read from the model's folder.
    static let mlctl = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata:
          name: mlctl
        spec:
          command: [mlctl, serve-model]
          args: [--model, $(MODEL_DIR)/model.json, --host, $(BIND_ADDRESS), --port, $(PORT)]
          env:
          # In a cluster 0.0.0.0: others than this machine ask there.
          - {name: BIND_ADDRESS, value: 127.0.0.1}
          ports:
          - {name: http, containerPort: 8080}
          probes:
            readiness:
              httpGet: {path: /v2/health/ready}
            liveness:
              httpGet: {path: /v2/health/live}
          metrics: {path: /metrics, port: http, dialect: mlctl}
        """
}
