/// Which due key runs first. Within a class, keys run in the order of their due times.
package enum Urgency: Int, CaseIterable, Comparable, Sendable {
    /// A person waits for the answer, or everything else depends on it. Never slowed down.
    case urgent
    /// A candidate that gets traffic is being evaluated: a failure must take effect soon.
    case judging
    /// A deployment that serves is being changed.
    case changing
    /// Everything else: new deployments, and deployments without changes.
    case routine

    package static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
}
