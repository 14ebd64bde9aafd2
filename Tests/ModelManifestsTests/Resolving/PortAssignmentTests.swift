import Testing

@testable import ModelManifests

@Suite struct PortAssignmentTests {
    private func file(_ name: String, _ port: Int?, preview: Int? = nil, extra: String = "") -> ParsedFile {
        var spec = port.map { "endpoint: {port: \($0)}\n" } ?? ""
        if let preview { spec += "rollout: {preview: {port: \(preview)}}\n" }
        return ManifestReader.read(Manifests.deployment(name, spec: spec + extra), file: "\(name).yaml")
    }

    private func names(_ state: DesiredState) -> [String] { state.deployments.keys.map(\.name).sorted() }

    @Test(arguments: [
        (8090, "port 8090 is reserved for the controller's API"),
        (9901, "port 9901 is reserved for the control port of mlctl's proxy"),
        (20_000, "port 20000 is in the range 20000 to 29999, which is reserved for model servers"),
        (29_999, "port 29999 is in the range 20000 to 29999, which is reserved for model servers"),
    ])
    func `ports that mlctl uses itself are refused with their place`(_ port: Int, _ message: String) {
        let state = DesiredState.resolve(files: [file("a", port), file("b", 9000, preview: port)])
        #expect(
            state.diagnostics.map(\.description) == [
                "a.yaml:7:20: spec.endpoint.port: \(message) (choose another port, or leave it out and mlctl chooses one)",
                "b.yaml:8:29: spec.rollout.preview.port: \(message) (choose another port, or leave it out and mlctl chooses one)",
            ])
        #expect(state.deployments.isEmpty)
    }

    @Test func `a controller's own ports replace the default reserved ports`() {
        let reserved = ReservedPorts(controller: 9000, probes: 9100, proxyControl: nil, instances: 100...199)
        let files = [
            file("a", 9000), file("b", 8090), file("c", 9901), file("d", 20_000), file("e", 150), file("f", 9100),
        ]
        let state = DesiredState.resolve(files: files, reserved: reserved)
        #expect(names(state) == ["b", "c", "d"])
    }

    @Test func `in a cluster a Service may have any port`() throws {
        for port in [8090, 9901, 20_000] {
            #expect(try Manifests.only(Manifests.inCluster(spec: "endpoint: {port: \(port)}")).endpoint.port == port)
        }
    }

    @Test func `if two deployments want the same port, only the later by name is refused`() {
        let state = DesiredState.resolve(files: [file("b", 9000), file("a", 9000), file("c", 9001)])
        #expect(names(state) == ["a", "c"])
        #expect(
            state.diagnostics.map(\.description) == [
                "b.yaml:7:20: spec.endpoint.port: default/a (a.yaml:1) also asks for port 9000 (choose another port, or "
                    + "leave it out and mlctl chooses one)"
            ])
        #expect(state.diagnostics.first?.deployment == DeploymentKey(name: "b"))
    }

    @Test func `a deployment that has a port keeps it, whatever its name`() {
        let first = DesiredState.resolve(files: [file("b", 9000)])
        let state = DesiredState.resolve(files: [file("a", 9000), file("b", 9000)], reusing: first)
        #expect(names(state) == ["b"])
        #expect(
            state.diagnostics.first?.message
                == "default/b (b.yaml:1) also asks for port 9000 and has it already")
        // After a restart the serving deployments have the ports.
        let reserved = ReservedPorts(holders: [9000: DeploymentKey(name: "b")])
        let anew = DesiredState.resolve(files: [file("a", 9000), file("b", 9000)], reserved: reserved)
        #expect(names(anew) == ["b"])
        // Later passes give the same result.
        let again = DesiredState.resolve(files: [file("a", 9000), file("b", 9000)], reusing: anew)
        #expect(names(again) == ["b"])
    }

    @Test func `two deployments can swap their ports in one commit`() {
        let first = DesiredState.resolve(files: [file("a", 9000), file("b", 9001)])
        let swapped = DesiredState.resolve(files: [file("a", 9001), file("b", 9000)], reusing: first)
        #expect(swapped.diagnostics.isEmpty)
        #expect(swapped.deployments[DeploymentKey(name: "a")]?.endpoint.port == 9001)
    }

    @Test func `a port that a deployment gave up is free`() {
        let first = DesiredState.resolve(files: [file("a", 9000)])
        #expect(names(DesiredState.resolve(files: [file("b", 9000)], reusing: first)) == ["b"])
        #expect(names(DesiredState.resolve(files: [file("a", 9001), file("b", 9000)], reusing: first)) == ["a", "b"])
    }

    @Test func `a held deployment keeps its port, and moves that depend on it are refused`() {
        let first = DesiredState.resolve(files: [file("a", 9000), file("b", 9001)])
        // b keeps the port that a wants; so a keeps 9000, and c cannot have it either.
        let state = DesiredState.resolve(
            files: [file("a", 9001), file("b", 9001), file("c", 9000), file("d", 9002)], reusing: first)
        #expect(names(state) == ["b", "d"])
        #expect(
            state.diagnostics.map(\.message) == [
                "default/b (b.yaml:1) also asks for port 9001 and has it already",
                "port 9000 still belongs to default/a, which keeps it until its manifest is fixed",
            ])
        // The next pass gives the same result, although a was refused before.
        let next = DesiredState.resolve(
            files: [file("a", 9001), file("b", 9001), file("c", 9000), file("d", 9002)], reusing: state)
        #expect(names(next) == ["b", "d"])
    }

    @Test func `a deployment whose manifest has errors keeps its port`() {
        let first = DesiredState.resolve(files: [file("a", 9000)])
        let state = DesiredState.resolve(
            files: [file("a", 9000, extra: "replicas: 0\n"), file("b", 9000)], reusing: first)
        #expect(state.deployments.isEmpty)
        let mended = DesiredState.resolve(files: [file("a", 9001), file("b", 9000)], reusing: state)
        #expect(names(mended) == ["a", "b"])
    }

    @Test func `a preview's port is checked like an endpoint's`() {
        let state = DesiredState.resolve(files: [
            file("a", 9000, preview: 9000), file("b", 9001), file("c", nil, preview: 9001),
        ])
        #expect(names(state) == ["b"])
        #expect(
            state.diagnostics.map(\.message) == [
                "port 9000 is already the endpoint's port", "default/b (b.yaml:1) also asks for port 9001",
            ])
    }
}
