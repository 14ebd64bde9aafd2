import Foundation
import ModelManifests
import Serving

/// An instance that the data plane has taken out of rotation.
package struct EjectedInstance: Codable, Equatable, Sendable {
    package var instance: String
    package var revision: Revision
    package var since: Date
    /// An event has told it: its return is told too.
    package var isTold: Bool
}

/// Instances that the data plane takes out of rotation, and takes back: told as it begins and as it ends.
extension DecisionPass {
    /// One that is back sooner is in the status, and in no event: a connection that was refused once, say.
    static let ejectionTellingDelay: TimeInterval = 3
    /// As many are remembered.
    static let ejectedLimit = 50

    mutating func watchRotation() {
        var known = state.ejected ?? []
        // An instance that is not there any more has nothing to come back to.
        known.removeAll { ejected in !observed.instances.contains { $0.id == ejected.instance } }
        for instance in observed.instances.sorted(by: { $0.id < $1.id }) {
            let index = known.firstIndex { $0.instance == instance.id }
            switch (instance.isEjected, index) {
            case (nil, _), (false, nil): break  // Nobody can tell, or there is nothing to tell.
            case (true, nil):
                // One that is not ready gets no requests anyway.
                guard instance.condition == .ready, known.count < Self.ejectedLimit else { break }
                known.append(
                    EjectedInstance(instance: instance.id, revision: instance.revision, since: now, isTold: false))
            case (true, let index?):
                guard !known[index].isTold, now.timeIntervalSince(known[index].since) >= Self.ejectionTellingDelay
                else { break }
                known[index].isTold = true
                tell(ejected: instance)
            case (false, let index?): tell(returned: known.remove(at: index))
            }
        }
        let next = known.isEmpty ? nil : known
        if next != state.ejected { state.ejected = next }
    }

    /// When one that is out of rotation is to be told; nil: all are.
    var rotationLookAt: Date? {
        state.ejected?.first { !$0.isTold }.map { $0.since.addingTimeInterval(Self.ejectionTellingDelay) }
    }

    private mutating func tell(ejected instance: InstanceObservation) {
        let isOutlier = inputs.readings?.contains { $0.instance == instance.id && $0.isOutlier } == true
        let cause =
            instance.reason ?? (isOutlier ? "it serves much worse than its siblings" : "it takes no connections")
        record(
            .instanceEjected, "instance \(instance.id) gets no new requests: \(cause)",
            about: deployed(instance.revision))
    }

    private mutating func tell(returned ejected: EjectedInstance) {
        guard ejected.isTold else { return }
        let away = Duration.seconds(Int(now.timeIntervalSince(ejected.since)))
        record(
            .instanceReturned, "instance \(ejected.instance) gets requests again, after \(away.goText)",
            about: deployed(ejected.revision))
    }

    private func deployed(_ revision: Revision) -> DeployedRevision? {
        [state.stable, state.rollout?.candidate].compactMap(\.self).first { $0.revision == revision }
    }
}
