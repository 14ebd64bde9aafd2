/// ServingRuntimes that are compiled in. A ServingRuntime of the same name in git goes before them.
public enum RuntimePresets {
    /// The presets as ServingRuntime documents, by name.
    public static let texts: [String: String] = [
        "bentoml": bentoML, "mlctl": mlctl, "mlserver": mlServer, "vllm": vLLM,
    ]

    /// The variable that says at which of its addresses a preset's server listens.
    static let bindAddress = "BIND_ADDRESS"

    static let all: [String: ParsedRuntime] = texts.compactMapValues { text in
        let root = DocumentText.split(text).first.flatMap { DocumentComposer.compose($0).roots.first?.node }
        var reading = DocumentReading(file: "preset")
        return root.flatMap { runtime($0, &reading, isPreset: true) }
    }

    /// Reads a ServingRuntime.
    /// - Returns: nil where it could not even be told what it is called.
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
    /// Lets a preset's server listen at all addresses of its pod: at the loopback nobody in the cluster could ask it.
    mutating func listenToPods() {
        guard
            let index = env.firstIndex(
                of: EnvironmentVariable(name: RuntimePresets.bindAddress, value: .literal("127.0.0.1")))
        else { return }
        env[index].value = .literal("0.0.0.0")
    }
}
