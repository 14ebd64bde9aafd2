import Foundation

extension Installation {
    private static let server = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/model_server.py")

    /// The tests' own model server, for python3.
    package static var serverPath: String { server.path(percentEncoded: false) }

    /// A deployment of the tests' own server: `version` selects its behaviour.
    package func manifest(
        _ version: String, name: String = "model", replicas: Int = 1,
        rollout: String = QuickRollouts.gated,
        command: String? = nil, extra: String = ""
    ) -> String {
        let program = command ?? #"[python3, "\#(Self.serverPath)"]"#
        return """
            apiVersion: mlctl.dev/v1alpha1
            kind: ModelDeployment
            metadata: {name: \(name), namespace: test}
            spec:
              model: {version: "\(version)"}
              runtime:
                command: \(program)
                env:
                - {name: TEST_MARKS, value: "\(folder.appending(path: "marks").path(percentEncoded: false))"}
                probes:
                  readiness: {httpGet: {path: /}, periodSeconds: 1}
                terminationGracePeriod: 2s
              replicas: \(replicas)
            \(extra)
              rollout:
            \(rollout)
            """
    }

    package func deploy(_ version: String, rollout: String = QuickRollouts.gated) async throws {
        try commit(["model.yaml": manifest(version, rollout: rollout)])
        try await sync()
    }
}

/// Rollouts that end soon.
package enum QuickRollouts {
    package static let gated = """
            steps:
            - setWeight: 20
            - setWeight: 50
            - setWeight: 100
            gates:
            - name: errors
              compare: {metric: errors}
        """
    package static let timed =
        gated + """

                - name: slow
                  compare: {metric: slow}
            """
    package static let impatient = """
            steps:
            - setWeight: 50
            - setWeight: 100
            gates:
            - name: errors
              compare: {metric: errors}
            progressDeadline: 5s
        """
}
