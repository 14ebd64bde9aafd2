extension RuntimePresets {
    /// mlctl's own small server: `model.json` is read from the model's folder.
    static let mlctl = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata:
          name: mlctl
        spec:
          command: [mlctl, serve-model]
          args: [--model, $(MODEL_DIR)/model.json, --port, $(PORT)]
          ports:
          - {name: http}
          probes:
            readiness:
              httpGet: {path: /v2/health/ready}
            liveness:
              httpGet: {path: /v2/health/live}
          metrics: {path: /metrics, port: http, dialect: mlctl}
        """
}
