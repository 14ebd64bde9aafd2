/// A condition as in kstatus: `Ready`, `Reconciling`, `Stalled`; and also `Available`.
public struct Condition: Hashable, Codable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        /// What git asks for serves, and nothing is in progress or blocked.
        case ready = "Ready"
        /// A change is in progress and continues by itself.
        case reconciling = "Reconciling"
        /// It does not continue without a person.
        case stalled = "Stalled"
        /// Everything that should serve does, even if a change is in progress.
        case available = "Available"
    }

    /// The type of an advisory condition: no gate judges predictions. It does not mean that something is wrong with what serves.
    public static let predictionsJudged = "PredictionsJudged"

    /// The type of a condition that is there only while nothing new is rolled out.
    public static let suspended = "Suspended"

    public var type: String
    /// `True`, `False` or `Unknown`.
    public var status: String
    public var reason: String
    public var message: String

    public init(type: String, status: String, reason: String, message: String) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
    }
}
