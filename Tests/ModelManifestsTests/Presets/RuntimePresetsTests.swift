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
    func `a preset alone can serve a model, at PORT`(_ name: String) throws {
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

    @Test(arguments: RuntimePresets.texts.keys.sorted())
    func `a preset listens on loopback on one machine, and on all addresses in a pod`(_ name: String) throws {
        func address(_ text: String) throws -> EnvironmentVariable.Value? {
            try Manifests.only(text).template.runtime.env.first { $0.name == "BIND_ADDRESS" }?.value
        }
        #expect(try address(Manifests.deployment(runtime: "{name: \(name)}")) == .literal("127.0.0.1"))
        #expect(
            try address(Manifests.inCluster(runtime: "{name: \(name), image: own}")) == .literal("0.0.0.0"))
        let own = "{name: \(name), image: own, env: [{name: BIND_ADDRESS, value: 10.0.0.1}]}"
        #expect(try address(Manifests.inCluster(runtime: own)) == .literal("10.0.0.1"))
        let runtime = try #require(RuntimePresets.all[name]?.runtime)
        let words = runtime.args.map { EnvironmentVariable.Value.literal($0) } + runtime.env.map(\.value)
        #expect(words.contains(.literal("$(BIND_ADDRESS)")))
    }

    @Test(arguments: RuntimePresets.texts.keys.sorted())
    func `a preset's ports differ from one another in a pod`(_ name: String) throws {
        let ports = try #require(RuntimePresets.all[name]?.runtime).ports.compactMap(\.containerPort)
        #expect(!ports.isEmpty)
        #expect(Set(ports).count == RuntimePresets.all[name]?.runtime.ports.count)
    }

    @Test func `presets use the image of the server's project, where there is one`() {
        #expect(
            RuntimePresets.all.compactMapValues(\.runtime.image)
                == ["mlserver": "seldonio/mlserver:1.6.1", "vllm": "vllm/vllm-openai:v0.10.0"])
    }

    @Test func `MLServer has ports for gRPC and metrics`() throws {
        let runtime = try #require(RuntimePresets.all["mlserver"]?.runtime)
        #expect(runtime.ports.map(\.name) == ["http", "grpc", "metrics"])
    }

    @Test func `overrides of env replace variables by name, and of probes each probe`() throws {
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
