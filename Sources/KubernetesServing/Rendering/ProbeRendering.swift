import JSON
import ModelManifests

/// Probes in Kubernetes' form: whole seconds, at least one. The defaults are those of a local instance.
enum ProbeRendering {
    /// How long a server without a start-up probe may take to become ready before it is restarted.
    static let longestStartSeconds = Int(Probe.longestStart.components.seconds)

    static func probes(_ runtime: Runtime, ports: ServerPorts) -> [String: JSONValue] {
        let readiness = runtime.probes.readiness ?? Probe(check: .tcpSocket(port: nil))
        return [
            "startupProbe": probe(runtime.probes.startup ?? startup(like: readiness), ports, isRepeated: false),
            "readinessProbe": probe(readiness, ports, isRepeated: true),
        ].merging(
            runtime.probes.liveness.map { ["livenessProbe": probe($0, ports, isRepeated: false)] } ?? [:]
        ) { first, _ in first }
    }

    /// Before a server has been ready once, its liveness is not checked.
    private static func startup(like readiness: Probe) -> Probe {
        var probe = readiness
        // Kubernetes probes from the first second on. A server that is up does not wait for a readiness period.
        probe.period = min(probe.period, .seconds(1))
        probe.failureThreshold = max(1, longestStartSeconds / seconds(probe.period))
        return probe
    }

    /// - Parameter isRepeated: only readiness may require more than one success in a row.
    private static func probe(_ probe: Probe, _ ports: ServerPorts, isRepeated: Bool) -> JSONValue {
        let check: (String, JSONValue) =
            switch probe.check {
            case .httpGet(let path, let port):
                ("httpGet", ["path": .string(path), "port": .integer(ports.number(port)), "scheme": "HTTP"])
            case .tcpSocket(let port): ("tcpSocket", ["port": .integer(ports.number(port))])
            }
        var fields: [String: JSONValue] = [
            check.0: check.1, "periodSeconds": .integer(seconds(probe.period)),
            "timeoutSeconds": .integer(seconds(probe.timeout)),
            "failureThreshold": .integer(max(1, probe.failureThreshold)),
            "successThreshold": .integer(isRepeated ? max(1, probe.successThreshold) : 1),
        ]
        if probe.initialDelay > .zero { fields["initialDelaySeconds"] = .integer(seconds(probe.initialDelay)) }
        return .object(fields)
    }

    /// Rounded up, at least one.
    static func seconds(_ duration: Duration) -> Int {
        let parts = duration.components
        return max(1, Int(parts.seconds) + (parts.attoseconds > 0 ? 1 : 0))
    }
}
