extension RuntimePresets {
    /// vLLM's OpenAI-compatible server over the model's folder.
    static let vLLM = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ServingRuntime
        metadata:
          name: vllm
        spec:
          image: vllm/vllm-openai:v0.10.0
          command: [vllm, serve, $(MODEL_DIR)]
          args: [--host, $(BIND_ADDRESS), --port, $(PORT), --served-model-name, $(MODEL_NAME)]
          env:
          # In a cluster 0.0.0.0: others than this machine ask there.
          - {name: BIND_ADDRESS, value: 127.0.0.1}
          ports:
          - {name: http, containerPort: 8000}
          probes:
            startup:
              httpGet: {path: /health}
              periodSeconds: 1
              failureThreshold: 1800
            readiness:
              httpGet: {path: /health}
              timeoutSeconds: 5
            liveness:
              httpGet: {path: /health}
              timeoutSeconds: 10
          terminationGracePeriod: 2m
          metrics: {path: /metrics, port: http, dialect: vllm}
        """
}
