import Foundation
import Serving

/// A keeper's report on its instance. The whole file is rewritten on every change.
struct InstanceStatus: Hashable, Codable, Sendable {
    enum Phase: String, Codable, Sendable {
        case starting, ready, unready, crashLooping, stopping
        /// The machine prevents the server from starting. The keeper retries.
        case blocked
        /// Final: it was asked to stop, and nothing of it runs.
        case stopped
        /// Final: starting it again cannot help.
        case failed

        var isFinal: Bool { self == .stopped || self == .failed }
    }

    var version = 1
    var phase: Phase
    var server: ProcessIdentity?
    /// The port of the service: `PORT`.
    var port: Int?
    /// All named ports.
    var ports: [String: Int] = [:]
    var restarts = 0
    /// What is wrong, and what to do. Nil if all is well.
    var reason: String?
    var readySince: Date?
    /// Why the manifest's limits are not enforced. Nil if they are enforced, or if there are none.
    var limitsNotEnforced: String?
    /// Bytes of server output that were lost.
    var lostLogBytes = 0
    /// This server has answered the warm-up requests. A keeper that adopts it does not send them again.
    var isWarm = false
    /// The named ports of the last server, kept while none runs. The next server gets the same ports.
    var keptPorts: [String: Int]?
}
