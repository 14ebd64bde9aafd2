import Foundation
import Serving

/// What a keeper says of its instance, written whole on every change.
struct InstanceStatus: Hashable, Codable, Sendable {
    enum Phase: String, Codable, Sendable {
        case starting, ready, unready, crashLooping, stopping
        /// The machine keeps the server from starting. It is tried again.
        case blocked
        /// The end: it was asked to stop, and nothing of it runs.
        case stopped
        /// The end: starting it again cannot help.
        case failed

        var isFinal: Bool { self == .stopped || self == .failed }
    }

    var version = 1
    var phase: Phase
    var server: ProcessIdentity?
    /// Where the service answers: `PORT`.
    var port: Int?
    /// Every named port.
    var ports: [String: Int] = [:]
    var restarts = 0
    /// What is wrong and what to do; nil while all is well.
    var reason: String?
    var readySince: Date?
    /// Why the limits of the manifest are not enforced; nil where they are, or where there are none.
    var limitsNotEnforced: String?
    /// Bytes of the server's output that could not be kept.
    var lostLogBytes = 0
    /// The warm-up has been played against this server: a keeper that adopts it need not play it again.
    var isWarm = false
    /// The ports of the server that ran last, by name, while none runs: the next one gets them again.
    var keptPorts: [String: Int]?
}
