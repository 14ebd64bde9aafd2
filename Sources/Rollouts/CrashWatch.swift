import Foundation
import ModelManifests
import Serving

/// Tests whether the candidate's servers crash more often than stable's, since the rollout began. Pure. It changes only when a
/// server ends or changes its readiness.
///
/// A crash loop alone is no evidence against a candidate. Some servers crash now and then and restart at once, and five crashes
/// in half a minute can happen to them by chance. So the candidate is compared with stable, in two ways:
///
/// - A server that crashes five times in a row without being ready in between cannot serve. This is decided without a test,
///   unless a server of stable does the same. Then the machine, or something that both depend on, is the cause, and the limits
///   on availability decide.
/// - A server that is ready in between is tested. If both sides crash equally often, by time or by request, the next crash
///   belongs to the candidate with at most the probability of its share of the running servers, or of the traffic, whichever is
///   larger. The product of likelihood ratios over all crashes is therefore an e-process (Ville's inequality): a candidate that
///   crashes no more often than stable fails with a probability of at most `falseAlarmRate` over its whole rollout, however
///   often the test is looked at. If the candidate has half of the servers and stable does not crash, seven crashes are enough.
///   With the delays between restarts that takes about ten seconds.
struct CrashWatch: Codable, Equatable, Sendable {
    /// The probability that a candidate that crashes as often as stable fails.
    static let falseAlarmRate = 0.01
    /// The number of crashes in a row, without being ready in between, after which a server cannot serve.
    static let endsInARow = 5
    /// The number of crashes in a row after which a server of stable has the same problem as the candidate's.
    static let sharedEndsInARow = 3
    /// The alternatives of the test: how much more often a bad candidate's servers crash than stable's, and the weight of each
    /// in the mixture. Most bad candidates crash while stable does not crash at all.
    private static let alternatives: [(ratio: Double, stake: Double)] = [(1_000, 0.7), (10, 0.3)]

    private struct Server: Codable, Equatable, Sendable {
        var restarts: Int
        /// Crashes since it was last seen ready.
        var endsInARow: Int
        var isReady: Bool
    }

    /// By instance.
    private var servers: [String: Server] = [:]
    /// The natural logarithm of the evidence for each alternative; empty before the first crash.
    private var logs: [Double] = []
    private(set) var stableEnds = 0
    private(set) var candidateEnds = 0

    var isEmpty: Bool { servers.isEmpty && logs.isEmpty }

    /// - Parameter weight: the candidate's share of the traffic since the last look, in percent.
    mutating func look(at instances: [InstanceObservation], stable: Revision, candidate: Revision, weight: Int) {
        let before = servers
        var (own, others) = (Side(), Side())
        servers = [:]
        for instance in instances where instance.condition != .draining {
            guard instance.revision == stable || instance.revision == candidate else { continue }
            let isOwn = instance.revision == candidate
            let known = before[instance.id]
            // Crashes before the first look are not compared. An instance that appears later started after it.
            let restartsBefore = known?.restarts ?? (isOwn && !before.isEmpty ? 0 : instance.restarts)
            let ends = max(0, instance.restarts - restartsBefore)
            let isReady = instance.condition == .ready
            servers[instance.id] = Server(
                restarts: instance.restarts, endsInARow: isReady ? 0 : (known?.endsInARow ?? 0) + ends,
                isReady: isReady)
            let ran = known?.isReady == true || ends > 0
            if isOwn { own.add(ends, ran: ran || isReady) } else { others.add(ends, ran: ran) }
        }
        absorb(own, others, weight: weight)
    }

    private struct Side {
        var ends = 0
        /// Servers that ran.
        var running = 0

        mutating func add(_ ends: Int, ran: Bool) {
            self.ends += ends
            running += ran ? 1 : 0
        }
    }

    private mutating func absorb(_ own: Side, _ others: Side, weight: Int) {
        guard own.ends + others.ends > 0 else { return }
        candidateEnds += own.ends
        stableEnds += others.ends
        let part = max(Double(own.running) / Double(own.running + others.running), Double(weight) / 100)
        // If only one side runs, or has all of the traffic, there is nothing to compare.
        guard part > 0, part < 1 else { return }
        if logs.isEmpty { logs = Self.alternatives.map { log($0.stake) } }
        for (index, alternative) in Self.alternatives.enumerated() {
            let odds = alternative.ratio * part / (1 - part)
            logs[index] +=
                Double(own.ends) * log(odds / (1 + odds) / part)
                + Double(others.ends) * log(1 / (1 + odds) / (1 - part))
        }
    }

    /// Whether a server of stable also crashes repeatedly without being ready in between.
    func isShared(by stable: Revision, _ instances: [InstanceObservation]) -> Bool {
        instances.contains {
            $0.revision == stable && (servers[$0.id]?.endsInARow ?? 0) >= Self.sharedEndsInARow
        }
    }

    /// Whether the instance has crashed repeatedly without being ready in between.
    func neverServes(_ instance: String) -> Bool { (servers[instance]?.endsInARow ?? 0) >= Self.endsInARow }

    /// Whether the candidate's servers crash more often than stable's, beyond chance.
    var isWorse: Bool {
        guard let most = logs.max() else { return false }
        return most + log(logs.reduce(0) { $0 + exp($1 - most) }) >= -log(Self.falseAlarmRate)
    }
}
