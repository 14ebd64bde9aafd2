/// Which of the keys that are due goes first. Within a class the order is that of the times at which they are due.
public enum Urgency: Int, CaseIterable, Comparable, Sendable {
    /// Somebody waits for an answer, or everything else depends on it. Never slowed down.
    case urgent
    /// Something that gets traffic is under judgement: a failure has to take effect soon.
    case judging
    /// Something that serves is being changed.
    case changing
    /// Everything else: what is new, and what rests.
    case routine

    public static func < (left: Urgency, right: Urgency) -> Bool { left.rawValue < right.rawValue }
}
