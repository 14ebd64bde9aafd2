/// What must hold of a measured value: `value < 0.25 && value > 0`.
public struct Condition: Hashable, Codable, Sendable {
    /// As written.
    public let text: String

    /// - Throws: `Fault` for what is no condition.
    public init(_ text: String) throws(Fault) {
        self.text = text
    }

    public struct Fault: Error, Hashable, Sendable {
        /// What is wrong and what would be right.
        public var message: String
    }

    /// False where the value is not a number.
    public func holds(of value: Double) -> Bool { false }
}
