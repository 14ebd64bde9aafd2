extension RuntimePresets {
    /// Seldon's MLServer: `model-settings.json` is read from the model's folder.
    static let mlServer = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata:
          name: mlserver
        spec:
          image: seldonio/mlserver:1.6.1
          command: [mlserver, start, .]
          env:
          # In a cluster 0.0.0.0: others than this machine ask there.
          - {name: BIND_ADDRESS, value: 127.0.0.1}
          - {name: MLSERVER_HOST, value: $(BIND_ADDRESS)}
          - {name: MLSERVER_HTTP_PORT, value: $(PORT)}
          - {name: MLSERVER_GRPC_PORT, value: $(PORT_GRPC)}
          - {name: MLSERVER_METRICS_PORT, value: $(PORT_METRICS)}
          # 0: the model runs in the server's own process; replicas are instances of it.
          - {name: MLSERVER_PARALLEL_WORKERS, value: "0"}
          # On by default, and then every error sends its stack trace to the client.
          - {name: MLSERVER_DEBUG, value: "false"}
          # For model-settings.json files that leave them out.
          - {name: MLSERVER_MODEL_NAME, value: $(MODEL_NAME)}
          - {name: MLSERVER_MODEL_VERSION, value: $(MODEL_VERSION)}
          # The model's folder is a verified copy: nothing is written into it.
          - {name: PYTHONDONTWRITEBYTECODE, value: "1"}
          ports:
          - {name: http, containerPort: 8080}
          - {name: grpc, containerPort: 8081}
          - {name: metrics, containerPort: 8082}
          probes:
            startup:
              httpGet: {path: /v2/health/ready}
              periodSeconds: 1
              failureThreshold: 300
            readiness:
              httpGet: {path: /v2/health/ready}
            liveness:
              httpGet: {path: /v2/health/live}
          metrics: {path: /metrics, port: metrics, dialect: mlserver}
        """
}
