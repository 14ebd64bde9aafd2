/// Rules that relate several fields of a runtime. They are checked after references are resolved.
enum RuntimeRules {
    /// Checks the ports that probes name, and replaces a port's number by its name.
    static func settlePorts(of runtime: inout Runtime?, at place: SourcePlace, _ reading: inout DocumentReading) {
        guard var settled = runtime else { return }
        let ports = settled.ports.isEmpty ? [ContainerPort(name: "http")] : settled.ports
        let probes: [(name: String, path: WritableKeyPath<Probes, Probe?>)] = [
            ("startup", \.startup), ("readiness", \.readiness), ("liveness", \.liveness),
        ]
        for (name, path) in probes {
            guard var probe = settled.probes[keyPath: path], let written = probe.check.port else { continue }
            if let port = ports.first(where: { $0.name == written || $0.containerPort.map(String.init) == written }) {
                probe.check = probe.check.with(port: port.name)
                settled.probes[keyPath: path] = probe
            } else {
                let names = ports.map(\.name)
                reading.report(
                    "port '\(written.shortened)' does not exist", within: [.field("probes"), .field(name)], at: place,
                    suggestion: DidYouMean.suggestion(for: written, among: names, noun: "the ports are"))
            }
        }
        checkLanguages(of: settled, ports, at: place, &reading)
        runtime = settled
    }

    /// Refuses what speaks HTTP/1.1 at a port with HTTP/2.
    private static func checkLanguages(
        of runtime: Runtime, _ ports: [ContainerPort], at place: SourcePlace, _ reading: inout DocumentReading
    ) {
        let main = (ports.first { $0.name == "http" } ?? ports.first)?.name
        func speaksHTTP2(_ port: String?) -> Bool {
            ports.first { $0.name == port ?? main }?.language == .h2c
        }
        let probes = [
            ("startup", runtime.probes.startup), ("readiness", runtime.probes.readiness),
            ("liveness", runtime.probes.liveness),
        ]
        for case (let name, let probe?) in probes {
            guard case .httpGet(_, let port) = probe.check, speaksHTTP2(port) else { continue }
            reading.report(
                "asks by HTTP/1.1, but port '\((port ?? main ?? "").shortened)' has protocol: h2c",
                within: [.field("probes"), .field(name)], at: place, suggestion: "use tcpSocket, or another port")
        }
        if runtime.warmup != nil, speaksHTTP2(nil) {
            reading.report(
                "sends requests by HTTP/1.1, but the only port has protocol: h2c", within: [.field("warmup")],
                at: place,
                suggestion: "add a port named http, or leave it out")
        }
        if let metrics = runtime.metrics, speaksHTTP2(metrics.port) {
            reading.report(
                "is read by HTTP/1.1, but its port has protocol: h2c", within: [.field("metrics")], at: place,
                suggestion: "name another port, or leave it out")
        }
    }

    /// Refuses secrets on a command line, which every user of the machine can see (ps) and which is written to logs.
    static func checkSecrets(of runtime: Runtime, at place: SourcePlace, _ reading: inout DocumentReading) {
        let variables = SecretVariables(runtime.env)
        for (field, words) in [("command", runtime.command), ("args", runtime.args)] {
            for (index, word) in words.enumerated() {
                guard let (variable, secret) = variables.exposed(in: word) else { continue }
                reading.report(
                    Self.exposure(of: variable, secret), within: [.field(field), .index(index)], at: place,
                    suggestion: Self.exposureAdvice(variable))
            }
        }
    }

    static func exposure(of variable: String, _ secret: String) -> String {
        "puts the secret '\(secret.shortened)' on the command line with $(\(variable.shortened)), where every user of the machine "
            + "can read it"
    }

    static func exposureAdvice(_ variable: String) -> String {
        "let the program read the environment variable \(variable.shortened), or a file"
    }

    /// Variables that every server gets: mlctl finds the server by them, and the server finds its model.
    static let variablesOfMlctl: Set<String> = ["MODEL_DIR", "MODEL_NAME", "MODEL_VERSION", "PORT", "MLCTL_INSTANCE"]

    /// Refuses to override the variables that mlctl sets.
    static func checkVariables(of runtime: Runtime, at place: SourcePlace, _ reading: inout DocumentReading) {
        let ports = Set(
            runtime.ports.map { port in
                "PORT_" + String(port.name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
            })
        for variable in runtime.env
        where variablesOfMlctl.contains(variable.name) || ports.contains(variable.name) {
            reading.report(
                "\(variable.name) is set by mlctl: it tells the server where and what it serves",
                within: [.field("env")], at: place,
                suggestion: "leave it out; another variable may refer to it as $(\(variable.name))")
        }
    }

    /// Checks that there is a command or an image to start.
    static func checkStartable(
        of runtime: Runtime, at target: Target, place: SourcePlace, _ reading: inout DocumentReading
    ) {
        switch target {
        case .kubernetes:
            if runtime.runAs != nil {
                reading.report(
                    "is only for one machine; pods have another field for the user", within: [.field("runAs")],
                    at: place,
                    suggestion: "write podTemplate: {spec: {securityContext: {runAsUser: 1000}}}")
            }
            guard runtime.image == nil else { return }
            let presets = RuntimePresets.all.filter { $1.runtime.image != nil }.keys.sorted().joined(separator: ", ")
            reading.report(
                "has no image, which a cluster needs to start it", at: place,
                suggestion: runtime.name.map { "add an image beside name: \($0)" }
                    ?? "add 'image', or the 'name' of a ServingRuntime or preset that has one (\(presets))")
        case .local where !runtime.command.isEmpty: return
        case .local where runtime.image != nil:
            reading.report(
                "has an image, which target 'local' cannot run", at: place,
                suggestion: "add a command, or write target: {kind: kubernetes}")
        case .local:
            let presets = RuntimePresets.all.keys.sorted().joined(separator: ", ")
            reading.report(
                "has no command to start", at: place,
                suggestion: "add 'command', or the 'name' of a ServingRuntime or preset (\(presets))")
        }
    }
}

extension Probe.Check {
    fileprivate var port: String? {
        switch self {
        case .httpGet(_, let port), .tcpSocket(let port): port
        }
    }

    fileprivate func with(port: String) -> Self {
        switch self {
        case .httpGet(let path, _): .httpGet(path: path, port: port)
        case .tcpSocket: .tcpSocket(port: port)
        }
    }
}
