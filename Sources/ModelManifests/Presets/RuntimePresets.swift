/// Built-in ServingRuntimes. A ServingRuntime of the same name in git takes precedence.
package enum RuntimePresets {
    /// The presets as ServingRuntime documents, by name.
    package static let texts: [String: String] = [
        "bentoml": bentoML, "mlctl": mlctl, "mlserver": mlServer, "vllm": vLLM,
    ]

    /// The variable with the address that a preset's server listens on.
    static let bindAddress = "BIND_ADDRESS"

    static let all: [String: ParsedRuntime] = texts.compactMapValues { text in
        let root = DocumentText.split(text).first.flatMap { DocumentComposer.compose($0).roots.first?.node }
        var reading = DocumentReading(file: "preset")
        return root.flatMap { runtime($0, &reading, isPreset: true) }
    }

    /// Reads a ServingRuntime.
    /// - Returns: nil where not even its name could be read.
    static func runtime(_ root: SourceNode, _ reading: inout DocumentReading, isPreset: Bool) -> ParsedRuntime? {
        guard let manifest = ManifestFields.servingRuntime.read(root, &reading), let key = manifest.metadata.key else {
            return nil
        }
        let node = root["spec"] ?? SourceNode(content: .mapping([]), place: root.place)
        var settled: Runtime? = manifest.spec
        reading.enter(.field("spec"))
        RuntimeRules.settlePorts(of: &settled, at: node.place, &reading)
        reading.leave()
        return ParsedRuntime(
            key: key, place: DocumentPlace(file: reading.file, line: root.place.line), isPreset: isPreset,
            isValid: reading.diagnostics.isEmpty, node: node, runtime: settled ?? manifest.spec)
    }
}

extension Runtime {
    /// Makes a preset's server listen on all addresses of its pod: nothing in the cluster could reach it on the loopback.
    mutating func bindToAllAddresses() {
        guard
            let index = env.firstIndex(
                of: EnvironmentVariable(name: RuntimePresets.bindAddress, value: .literal("127.0.0.1")))
        else { return }
        env[index].value = .literal("0.0.0.0")
    }
}
