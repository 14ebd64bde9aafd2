/// Decides when a pod's server may get user requests: after it answers its readiness probe and then the warm-up requests. Pure.
///
/// A restarted server needs warm-up again. Another container can see a restart only because nobody listens on the server's port
/// for a moment.
struct CompanionMachine: Hashable, Sendable {
    enum Stage: Hashable, Sendable {
        /// The readiness probe has not succeeded. Can transition to: `playing`, `warm`.
        case waiting
        /// Warm-up requests are in progress. Can transition to: `warm`, `waiting`, `givenUp`.
        case playing
        /// Can transition to: `waiting`.
        case warm
        /// Final.
        case givenUp(String)
    }

    enum Action: Hashable, Sendable {
        /// Send a readiness probe. Report the result to `probed`.
        case probe
        /// Send the warm-up requests. Report the result to `played`.
        case play
        /// Check whether the server listens. Report the result to `watched`.
        case watch
        case leave(String)
    }

    /// After this many failed attempts the companion exits with the reason, which the cluster shows as its termination message.
    static let mostAttempts = 5
    static let probePause = Duration.milliseconds(250)
    static let retryPause = Duration.seconds(1)
    /// Shorter than a container restart takes.
    static let watchPause = Duration.milliseconds(500)

    let hasWarmup: Bool
    private(set) var stage = Stage.waiting
    private var failedAttempts = 0

    init(hasWarmup: Bool) { self.hasWarmup = hasWarmup }

    var isWarm: Bool { stage == .warm }

    var action: Action {
        switch stage {
        case .waiting: .probe
        case .playing: .play
        case .warm: .watch
        case .givenUp(let why): .leave(why)
        }
    }

    /// How long to wait before `action`.
    var pause: Duration {
        switch stage {
        case .waiting: failedAttempts > 0 ? Self.retryPause : Self.probePause
        case .playing, .givenUp: .zero
        case .warm: Self.watchPause
        }
    }

    mutating func probed(_ outcome: ProbeOutcome) {
        guard stage == .waiting, outcome == .success else { return }
        stage = hasWarmup ? .playing : .warm
    }

    mutating func played(_ outcome: WarmupOutcome) {
        guard stage == .playing else { return }
        switch outcome {
        case .played:
            failedAttempts = 0
            stage = .warm
        case .failed(let why):
            failedAttempts += 1
            stage = failedAttempts < Self.mostAttempts ? .waiting : .givenUp(why)
        }
    }

    mutating func watched(isListening: Bool) {
        if stage == .warm, !isListening { stage = .waiting }
    }
}
