/// Follows kstatus: `Ready`, `Reconciling`, `Stalled`; and `Available`.
public struct Condition: Hashable, Codable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        /// What git asks for serves, and nothing is on its way or in the way.
        case ready = "Ready"
        /// Something is under way that goes on by itself.
        case reconciling = "Reconciling"
        /// It does not go on without a person.
        case stalled = "Stalled"
        /// All that should serve does, whatever is on its way.
        case available = "Available"
    }

    /// The type of a note that is there while no gate judges predictions: nothing is wrong with what serves.
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
