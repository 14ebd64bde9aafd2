import JSON
import ModelManifests

/// The ports of a runtime in a pod: given numbers stay, the others are assigned from 8080 upwards.
struct ServerPorts: Hashable, Sendable {
    static let first = 8080
    /// Kubernetes' limit for the name of a port.
    private static let nameLimitBytes = 15

    struct Port: Hashable, Sendable {
        var name: String
        var number: Int
    }

    let all: [Port]

    init(_ runtime: Runtime) {
        let named = runtime.ports.isEmpty ? [ContainerPort(name: "http")] : runtime.ports
        var taken = Set(named.compactMap(\.containerPort))
        all = named.map { port in
            if let number = port.containerPort { return Port(name: port.name, number: number) }
            var number = Self.first
            while taken.contains(number) { number += 1 }
            taken.insert(number)
            return Port(name: port.name, number: number)
        }
    }

    /// The serving port: `http`, or the first.
    var serving: Port { all.first { $0.name == "http" } ?? all.first ?? Port(name: "http", number: Self.first) }

    /// - Parameter name: nil: the serving port.
    func number(_ name: String?) -> Int { all.first { $0.name == name }?.number ?? serving.number }

    /// `PORT` and `PORT_<NAME>`.
    var environment: [(name: String, value: String)] {
        [("PORT", String(serving.number))]
            + all.map { ("PORT_" + Self.environmentName($0.name), String($0.number)) }
    }

    var containerPorts: [JSONValue] {
        all.map {
            ["name": .string(Self.portName($0.name)), "containerPort": .integer($0.number), "protocol": "TCP"]
        }
    }

    private static func environmentName(_ name: String) -> String {
        String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    static func portName(_ name: String) -> String {
        guard name.utf8.count > nameLimitBytes else { return name }
        return "p-" + ObjectHash.text(name).prefix(nameLimitBytes - 2)
    }
}
