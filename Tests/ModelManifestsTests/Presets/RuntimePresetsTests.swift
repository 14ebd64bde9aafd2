import Testing

@testable import ModelManifests

@Suite struct RuntimePresetsTests {
    @Test(arguments: RuntimePresets.texts.keys.sorted())
    func `a preset is a ServingRuntime without errors, under its own name`(_ name: String) throws {
        let text = try #require(RuntimePresets.texts[name])
        let file = ManifestReader.read(text, file: "preset", named: true)
        #expect(file.diagnostics == [])
        #expect(file.runtimes.map(\.key.name) == [name])
        #expect(RuntimePresets.all[name]?.isValid == true)
    }

    @Test(arguments: RuntimePresets.texts.keys.sorted())
    func `a preset is enough to serve by, at PORT`(_ name: String) throws {
        let runtime = try Manifests.only(Manifests.deployment(runtime: "{name: \(name)}")).template.runtime
        #expect(runtime.name == name)
        #expect(runtime.ports.first?.name == "http")
        #expect(runtime.probes.readiness != nil)
        let words =
            runtime.args
            + runtime.env.map(\.value).compactMap { value in
                if case .literal(let text) = value { text } else { nil }
            }
        #expect(words.contains("$(PORT)"))
    }

    @Test func `MLServer has ports for gRPC and metrics`() throws {
        let runtime = try #require(RuntimePresets.all["mlserver"]?.runtime)
        #expect(runtime.ports.map(\.name) == ["http", "grpc", "metrics"])
    }

    @Test func `env goes by the variables' names, probes by the probe`() throws {
        let runtime = try Manifests.only(
            Manifests.deployment(
                runtime: """

                        name: mlserver
                        env:
                        - {name: OMP_NUM_THREADS, value: 1}
                        - {name: MLSERVER_PARALLEL_WORKERS, value: "2"}
                        probes:
                          liveness: {tcpSocket: {}}
                    """)
        ).template.runtime
        #expect(runtime.command == ["mlserver", "start", "."])
        #expect(runtime.env.contains(EnvironmentVariable(name: "MLSERVER_HTTP_PORT", value: .literal("$(PORT)"))))
        #expect(runtime.env.last == EnvironmentVariable(name: "OMP_NUM_THREADS", value: .literal("1")))
        #expect(runtime.env.filter { $0.name == "MLSERVER_PARALLEL_WORKERS" }.map(\.value) == [.literal("2")])
        #expect(runtime.probes.liveness?.check == .tcpSocket(port: nil))
        #expect(runtime.probes.readiness?.check == .httpGet(path: "/v2/health/ready", port: nil))
    }
}
