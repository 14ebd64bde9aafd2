import Foundation
import ModelManifests
import Serving

/// One instance as the controller sees it now: its journal, its keeper's word, and whether the keeper lives.
struct SeenInstance: Hashable, Sendable {
    enum Stage: Hashable, Sendable {
        /// Journaled; its model's files are not there yet.
        case needsFiles
        /// Its model's files cannot be had, and trying again cannot help.
        case cannotHaveFiles
        /// Nobody looks after it: its keeper has not been started, or was killed. `serves`: the server of a killed keeper
        /// lives, and was ready.
        case needsKeeper(hasServer: Bool, serves: Bool)
        /// Its keeper lives; nil: and has said nothing yet.
        case kept(InstanceStatus.Phase?)
        /// Its keeper has left, and said so.
        case ended(InstanceStatus.Phase)
    }

    /// On its way out.
    struct Leaving: Hashable, Sendable {
        /// The proxy sends it nothing more, and all it had is answered.
        var isDrained: Bool
        /// What is still under way has had the time that its drain gives it.
        var isDrainOver: Bool
        var isAskedToStop: Bool
    }

    var id: String
    var revision: Revision
    var number: Int
    var stage: Stage
    var port: Int?
    /// By name.
    var ports: [String: Int] = [:]
    var modelFolder: String?
    var leaving: Leaving?
    var restarts = 0
    /// The machine keeps it from what comes next: its files, or its keeper. `reason` says why.
    var isBlocked = false
    /// The proxy has taken it out of rotation for now; nil where the proxy could not be asked.
    var isEjected: Bool?
    /// It did so because the instance serves much worse than its siblings, and a restart is due.
    var restartCause: OutlierCause?
    var reason: String?

    /// Nothing of it runs, and nothing of it is wanted: only its folder is still there, and cannot be put away.
    var isGone = false

    /// May take new requests.
    var serves: Bool {
        guard leaving == nil, port != nil else { return false }
        return switch stage {
        case .kept(let phase): phase == .ready
        case .needsKeeper(_, let serves): serves
        case .needsFiles, .cannotHaveFiles, .ended: false
        }
    }

    var condition: InstanceObservation.Condition {
        if leaving != nil { return .draining }
        return switch stage {
        case .needsFiles: isBlocked ? .blocked : .fetching
        case .cannotHaveFiles: .failed
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
            reason: reason, addresses: addresses, modelFolder: modelFolder)
    }
}
