/// When a question with a single answer is asked, and asked again while the answers decide nothing.
struct QuestionAttempts: Codable, Hashable, Sendable {
    /// Retries after the first attempt: 10 s, 30 s, 90 s, 270 s and 810 s after the previous answer.
    static let retryLimit = 5
    static let firstRetrySeconds = 10.0
    static let retryFactor = 3.0

    private(set) var undecided = 0
    private var nextSeconds = 0.0
    private(set) var isDecided = false

    /// - Returns: 1 for the first attempt, and one more after each answer that decided nothing. Nil while there is
    ///   nothing to ask.
    func due(atSeconds seconds: Double) -> Int? {
        isDecided || isGivenUp || seconds < nextSeconds ? nil : undecided + 1
    }

    mutating func decide() { isDecided = true }

    /// Notes an answer that decided nothing.
    mutating func postpone(atSeconds seconds: Double) {
        undecided += 1
        nextSeconds = seconds + delaySeconds
    }

    var isGivenUp: Bool { undecided > Self.retryLimit }

    private var delaySeconds: Double {
        (1..<max(undecided, 1)).reduce(Self.firstRetrySeconds) { seconds, _ in seconds * Self.retryFactor }
    }

    /// What comes next, for people.
    var text: String {
        isGivenUp
            ? "given up after \(undecided) attempts; `mlctl retry` starts over"
            : "attempt \(undecided + 1) of \(Self.retryLimit + 1) follows in \(EvidenceText.seconds(delaySeconds))"
    }
}
