/// A condition as in kstatus: `Ready`, `Reconciling`, `Stalled`; and also `Available`.
package struct Condition: Hashable, Codable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
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
    /// Present only if a rollback is, or should be, written back to git.
    package static let writtenBack = "WrittenBack"
    package static let predictionsJudged = "PredictionsJudged"

    /// The type of an advisory condition: the files at the model's location are no longer those that were pinned.
    package static let modelSourceUnchanged = "ModelSourceUnchanged"

    /// The type of a condition that is there only while nothing new is rolled out.
    package static let suspended = "Suspended"

    package var type: String
    /// `True`, `False` or `Unknown`.
    package var status: String
    package var reason: String
    package var message: String

    package init(type: String, status: String, reason: String, message: String) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
    }
}
