import Foundation
import ModelManifests
import Serving

/// Whether the candidate's servers end more often than stable's, since the rollout began. Pure, and unchanged while no server
/// ends and none changes its readiness.
///
/// A crash loop alone says nothing against a candidate: there are servers that end now and then and come back at once, and
/// five ends in half a minute happen to them by chance. So the candidate is compared with stable, in two ways.
///
/// - A server that ends five times in a row without being ready in between cannot serve. That is certain after some seconds,
///   and no chance: nothing more is asked, unless a server of stable does the same. Then the machine, or what both depend on,
///   is to blame, and the limits on availability decide.
/// - A server that is ready in between may only be as unlucky as stable's. If both sides end equally often, by time or by
///   request, the next end is one of the candidate's with at most the probability of its part of the servers that run, or of
///   the traffic, whichever is more. So the product of likelihood ratios over all ends is an e-process (Ville's inequality):
///   a candidate that ends no more often than stable is failed for it with a probability of at most `falseAlarmRate` over its
///   whole rollout, however often one looks. Where the candidate has half of the servers, seven ends are enough if stable has
///   none: with the delays between restarts that is some ten seconds.
struct CrashWatch: Codable, Equatable, Sendable {
    /// Of taking a candidate that ends as often as stable for one that ends more often.
    static let falseAlarmRate = 0.01
    /// Ends in a row, without being ready in between, that no server has by chance.
    static let endsInARow = 5
    /// The same of stable's: it has the same trouble.
    static let sharedEndsInARow = 3
    /// How much more often the servers of a bad candidate end than stable's, and what is staked on that. Most bad candidates
    /// end while stable does not at all.
    private static let alternatives: [(ratio: Double, stake: Double)] = [(1_000, 0.7), (10, 0.3)]

    private struct Server: Codable, Equatable, Sendable {
        var restarts: Int
        /// Since it was last seen ready.
        var endsInARow: Int
        var isReady: Bool
    }

    /// By instance.
    private var servers: [String: Server] = [:]
    /// ln of the evidence by each alternative; empty before any end.
    private var logs: [Double] = []
    private(set) var stableEnds = 0
    private(set) var candidateEnds = 0

    var isEmpty: Bool { servers.isEmpty && logs.isEmpty }

    /// - Parameter weight: the candidate's share of the traffic since the last look, in per cent.
    mutating func look(at instances: [InstanceObservation], stable: Revision, candidate: Revision, weight: Int) {
        let before = servers
        var (own, others) = (Side(), Side())
        servers = [:]
        for instance in instances where instance.condition != .draining {
            guard instance.revision == stable || instance.revision == candidate else { continue }
            let isOwn = instance.revision == candidate
            let known = before[instance.id]
            // What ended before anybody looked is not compared. Instances that come later began since.
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
        // Where one side alone runs, or has all of the traffic, nothing is compared.
        guard part > 0, part < 1 else { return }
        if logs.isEmpty { logs = Self.alternatives.map { log($0.stake) } }
        for (index, alternative) in Self.alternatives.enumerated() {
            let odds = alternative.ratio * part / (1 - part)
            logs[index] +=
                Double(own.ends) * log(odds / (1 + odds) / part)
                + Double(others.ends) * log(1 / (1 + odds) / (1 - part))
        }
    }

    /// A server of stable ends again and again, too, without being ready in between.
    func isShared(by stable: Revision, _ instances: [InstanceObservation]) -> Bool {
        instances.contains {
            $0.revision == stable && (servers[$0.id]?.endsInARow ?? 0) >= Self.sharedEndsInARow
        }
    }

    /// The instance has ended again and again, and was not ready in between.
    func neverServes(_ instance: String) -> Bool { (servers[instance]?.endsInARow ?? 0) >= Self.endsInARow }

    /// The candidate's servers end more often than stable's, and that is no chance.
    var isWorse: Bool {
        guard let most = logs.max() else { return false }
        return most + log(logs.reduce(0) { $0 + exp($1 - most) }) >= -log(Self.falseAlarmRate)
    }
}
