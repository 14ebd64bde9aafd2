import CLinuxProcess
import ModelManifests
import Serving

/// What the backend stores about a deployment. The last plan lets a new controller keep everything as it is until its first pass.
/// The endpoint's port is stored so that it stays the same.
struct DeploymentRecord: Hashable, Codable, Sendable {
    var version = 1
    var deployment: DeploymentKey
    var plan: ServingPlan?
    var port: Int?
    /// The port where users can try a candidate before it gets traffic.
    var previewPort: Int?
    var nextNumber = 1
    /// Revisions whose logs are kept for a long time. Stored here because the plan may no longer name them.
    var keepsLogsOf: Set<Revision> = []
    /// How long requests may continue at an instance that is draining. Stored here because the plan may no longer say it.
    var drainLimit: Duration?
    /// The last plan with revisions. It stays in force while another deployment takes over this one's port.
    var formerPlan: ServingPlan?

    var isEmpty: Bool { plan?.revisions.isEmpty ?? true }

    static func path(_ deployment: DeploymentKey, in state: StateFolder) -> String {
        "\(state.deployments)/\(deployment.namespace)/\(deployment.name).json"
    }

    static func readAll(_ state: StateFolder) -> (records: [DeploymentRecord], problems: [String]) {
        var records: [DeploymentRecord] = []
        var problems: [String] = []
        for namespace in StateFile.names(in: state.deployments) {
            for file in StateFile.names(in: "\(state.deployments)/\(namespace)") where file.hasSuffix(".json") {
                do {
                    let path = "\(state.deployments)/\(namespace)/\(file)"
                    if let record = try StateFile.read(DeploymentRecord.self, from: path) { records.append(record) }
                } catch {
                    problems.append("\(error)")
                }
            }
        }
        return (records, problems)
    }
}

/// Chooses ports for endpoints whose manifest names none. A port is chosen once, outside the kernel's ephemeral port range.
enum EndpointPorts {
    static let range = 30_000...32_767

    enum Choice: Hashable {
        case port(Int)
        case problem(String)
    }

    /// - Parameters:
    ///   - fixed: the port from the manifest, if it names one.
    ///   - remembered: the port that the deployment had before.
    ///   - taken: ports that the deployment must not use, each with a description of its user for messages.
    ///   - isFree: whether a listener could be opened at that port now.
    static func choose(
        fixed: Int?, remembered: Int?, taken: [Int: String], ephemeral: ClosedRange<Int>?, isFree: (Int) -> Bool
    ) -> Choice {
        if let fixed {
            guard let other = taken[fixed] else { return .port(fixed) }
            return .problem(
                "port \(fixed) is already used: it is \(other). Set another `endpoint.port`.")
        }
        if let remembered, taken[remembered] == nil { return .port(remembered) }
        let free = range.first { port in
            taken[port] == nil && ephemeral?.contains(port) != true && isFree(port)
        }
        guard let free else {
            return .problem("no port from \(range.lowerBound) to \(range.upperBound) is free. Set `endpoint.port`.")
        }
        return .port(free)
    }

    static func isFree(_ port: Int) -> Bool { clp_try_bind_tcp(UInt16(clamping: port)) == 0 }

    /// The kernel's ephemeral port range (`/proc/sys/net/ipv4/ip_local_port_range`): the source ports of outgoing connections.
    static func ephemeral() -> ClosedRange<Int>? {
        guard let bytes = readSmallFile("/proc/sys/net/ipv4/ip_local_port_range", limit: 64) else { return nil }
        let numbers = String(decoding: bytes, as: UTF8.self).split { $0.isWhitespace }.compactMap { Int($0) }
        return numbers.count == 2 && numbers[0] <= numbers[1] ? numbers[0]...numbers[1] : nil
    }
}
