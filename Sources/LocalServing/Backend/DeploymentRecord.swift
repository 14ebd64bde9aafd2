import CLinuxProcess
import ModelManifests
import Serving

/// What is remembered of a deployment: the last plan, so that a new controller keeps things as they are before its
/// first pass, and the endpoint's port, which stays.
struct DeploymentRecord: Hashable, Codable, Sendable {
    var version = 1
    var deployment: DeploymentKey
    var plan: ServingPlan?
    var port: Int?
    /// Where a candidate can be tried.
    var previewPort: Int?
    var nextNumber = 1
    /// Revisions whose logs are kept for long. Remembered beyond the plan that names them.
    var keepsLogsOf: Set<Revision> = []
    /// How long requests may go on at an instance that leaves. Remembered beyond the plan that says so.
    var drainLimit: Duration?
    /// The last plan that had something to serve, while a successor at the same port is awaited.
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

/// Endpoint ports that nobody fixed: chosen once, outside what the kernel gives to outgoing connections.
enum EndpointPorts {
    static let range = 30_000...32_767

    enum Choice: Hashable {
        case port(Int)
        case problem(String)
    }

    /// - Parameters:
    ///   - fixed: the manifest's.
    ///   - remembered: what the deployment had.
    ///   - taken: ports that the deployment must not have, and whose they are, for people.
    ///   - isFree: whether a listener could be opened there now.
    static func choose(
        fixed: Int?, remembered: Int?, taken: [Int: String], ephemeral: ClosedRange<Int>?, isFree: (Int) -> Bool
    ) -> Choice {
        if let fixed {
            guard let other = taken[fixed] else { return .port(fixed) }
            return .problem(
                "port \(fixed) is \(other) already. Set another `endpoint.port`.")
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

    /// `/proc/sys/net/ipv4/ip_local_port_range`: from where outgoing connections take theirs.
    static func ephemeral() -> ClosedRange<Int>? {
        guard let bytes = readSmallFile("/proc/sys/net/ipv4/ip_local_port_range", limit: 64) else { return nil }
        let numbers = String(decoding: bytes, as: UTF8.self).split { $0.isWhitespace }.compactMap { Int($0) }
        return numbers.count == 2 && numbers[0] <= numbers[1] ? numbers[0]...numbers[1] : nil
    }
}
