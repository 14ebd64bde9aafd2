import Foundation
import ModelManifests
import Serving

/// One instance as the controller sees it now: its journal, its keeper's status, and whether the keeper is alive.
struct ObservedInstance: Hashable, Sendable {
    enum Stage: Hashable, Sendable {
        /// Journaled. The model's files are not there yet.
        case needsFiles
        /// No keeper runs: it was not started yet, or it was killed. `serves`: the server of a killed keeper still runs, and was
        /// ready.
        case needsKeeper(hasServer: Bool, serves: Bool)
        /// Its keeper runs. Nil if the keeper has not written a status yet.
        case kept(InstanceStatus.Phase?)
        /// Its keeper has ended and said so in the status.
        case ended(InstanceStatus.Phase)
    }

    /// The instance is draining or stopping.
    struct Leaving: Hashable, Sendable {
        /// The proxy sends it no new requests, and it has answered all earlier ones.
        var isDrained: Bool
        /// The time limit of the drain has passed.
        var isDrainOver: Bool
        var isAskedToStop: Bool
    }

    var id: String
    var revision: Revision
    var number: Int
    var stage: Stage
    var port: Int?
    /// Named ports.
    var ports: [String: Int] = [:]
    var modelFolder: String?
    var leaving: Leaving?
    var restarts = 0
    /// The machine blocks the next step: fetching files, or starting a keeper. `reason` says why.
    var isBlocked = false
    /// The proxy has taken it out of rotation for now; nil where the proxy could not be asked.
    var isEjected: Bool?
    /// It did so because the instance serves much worse than its siblings, and a restart is due.
    var restartCause: OutlierCause?
    var reason: String?
    var fetchFailure: InstanceObservation.FetchFailure?

    /// Nothing of it runs and nothing of it is wanted. Only its folder is left, because it cannot be deleted.
    var isGone = false

    /// Whether it may get new requests.
    var serves: Bool {
        guard leaving == nil, port != nil else { return false }
        return switch stage {
        case .kept(let phase): phase == .ready
        case .needsKeeper(_, let serves): serves
        case .needsFiles, .ended: false
        }
    }

    var condition: InstanceObservation.Condition {
        if leaving != nil { return .draining }
        return switch stage {
        case .needsFiles: isBlocked ? .blocked : .fetching
        case .needsKeeper(_, let serves): serves ? .ready : isBlocked ? .blocked : .starting
        case .kept(nil): isBlocked ? .blocked : .starting
        case .kept(let phase): Self.condition(phase)
        case .ended(let phase): Self.condition(phase)
        }
    }

    private static func condition(_ phase: InstanceStatus.Phase?) -> InstanceObservation.Condition {
        switch phase {
        case nil, .starting: .starting
        case .blocked: .blocked
        case .ready: .ready
        case .unready: .unready
        case .crashLooping: .crashLooping
        case .stopping, .stopped: .draining
        case .failed: .failed
        }
    }

    var observation: InstanceObservation {
        var addresses = ports.mapValues { "127.0.0.1:\($0)" }
        if let port { addresses[""] = "127.0.0.1:\(port)" }
        return InstanceObservation(
            id: id, revision: revision, condition: condition, restarts: restarts, isEjected: isEjected,
            reason: reason, fetchFailure: fetchFailure, addresses: addresses, modelFolder: modelFolder)
    }
}
