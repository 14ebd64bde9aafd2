import Testing

@testable import ModelManifests

@Suite("endpoint.tls, endpoint.address and ports with a protocol")
struct EndpointTLSFieldsTests {
    private func manifest(_ endpoint: String, ports: String = "[]", target: String = "{kind: local}") -> String {
        """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: m}
        spec:
          target: \(target)
          model: {version: "1"}
          runtime: {command: [serve], image: i, ports: \(ports)}
          endpoint: \(endpoint)
        """
    }

    private func problems(_ text: String) -> [String] {
        Manifests.resolve(text).diagnostics.map { "\($0.line): \($0.path): \($0.message)" }
    }

    @Test("all fields are read, and the version may be a number")
    func fields() throws {
        let text = manifest(
            "{address: '::1', tls: {certificateFile: /c, keyFile: /k, clientCAFile: /a, minimumVersion: 1.3}}")
        let endpoint = try Manifests.only(text).endpoint
        #expect(endpoint.address == "::1")
        #expect(
            endpoint.tls
                == EndpointTLS(certificateFile: "/c", keyFile: "/k", clientCAFile: "/a", minimumVersion: .tls13))
        #expect(endpoint.localURL(port: 9000) == "https://[::1]:9000")
        #expect(
            try Manifests.only(manifest("{tls: {certificateFile: /c, keyFile: /k}}")).endpoint.tls?.minimumVersion
                == .tls12)
    }

    @Test("neither changes the revision")
    func revision() throws {
        let plain = try Manifests.only(manifest("{}")).template.revision
        let secure = try Manifests.only(manifest("{tls: {certificateFile: /c, keyFile: /k}}")).template.revision
        #expect(plain == secure)
    }

    @Test("wrong values are reported where they stand")
    func wrong() {
        #expect(
            problems(manifest("{address: localhost}")).first?.contains(
                "8: spec.endpoint.address: 'localhost' is not an IP") == true)
        #expect(
            problems(manifest("{tls: {certificateFile: c, keyFile: /k}}")).first?.contains(
                "spec.endpoint.tls.certificateFile") == true)
        #expect(problems(manifest("{tls: {certificateFile: /a/../c, keyFile: /k}}")).count == 1)
        #expect(problems(manifest("{tls: {certificateFile: /c}}")).first?.contains("keyFile") == true)
        #expect(problems(manifest("{tls: {certificateFile: /c, keyFile: /k, minimumVersion: '1.1'}}")).count == 1)
    }

    @Test("a cluster refuses them with a reason")
    func cluster() {
        let target = "{kind: kubernetes}"
        let found = problems(
            manifest(
                "{address: 0.0.0.0, tls: {certificateFile: /c, keyFile: /k}}", ports: "[{name: grpc, protocol: h2c}]",
                target: target))
        #expect(found.contains { $0.contains("spec.endpoint.address: is for one machine") }, "\(found)")
        #expect(found.contains { $0.contains("spec.endpoint.tls: is for one machine") }, "\(found)")
        let ports = problems(manifest("{}", ports: "[{name: grpc, protocol: h2c}]", target: target))
        #expect(
            ports.contains { $0.contains("spec.runtime.ports[0].protocol: protocol: h2c is for one machine") },
            "\(ports)")
    }

    @Test("probes, warm-up and metrics by HTTP/1.1 need a port that speaks it")
    func languages() {
        func said(_ runtime: String) -> [String] {
            Manifests.resolve(Manifests.deployment(runtime: "{command: [serve], \(runtime)}")).diagnostics.map(\.path)
        }
        let only = "ports: [{name: grpc, protocol: h2c}]"
        #expect(said(only + ", probes: {readiness: {tcpSocket: {port: grpc}}}") == [])
        #expect(said(only + ", probes: {readiness: {httpGet: {path: /}}}") == ["spec.runtime.probes.readiness"])
        #expect(
            said(only + ", warmup: {file: w}, metrics: {path: /m}") == ["spec.runtime.metrics", "spec.runtime.warmup"])
        let both = "ports: [{name: grpc, protocol: h2c}, {name: http}], warmup: {file: w}, metrics: {path: /m}"
        #expect(
            said(both + ", probes: {readiness: {httpGet: {path: /}}, liveness: {httpGet: {port: grpc}}}") == [
                "spec.runtime.probes.liveness"
            ])
    }

    @Test("a port's protocol is part of the revision, and one port at most speaks HTTP/2")
    func ports() throws {
        let plain = try Manifests.only(manifest("{}", ports: "[{name: http}, {name: grpc}]")).template
        let calls = try Manifests.only(manifest("{}", ports: "[{name: http}, {name: grpc, protocol: h2c}]")).template
        #expect(plain.runtime.rpcPortName == nil && calls.runtime.rpcPortName == "grpc")
        #expect(plain.revision != calls.revision)
        #expect(problems(manifest("{}", ports: "[{name: a, protocol: h2c}, {name: b, protocol: h2c}]")).count == 1)
        #expect(
            problems(manifest("{}", ports: "[{name: a, protocol: https}]")).first?.contains("not available") == true)
    }
}
