/// When a pod's server may have users' requests: it answers its probe, then the warm-up requests. Pure.
///
/// A server that was started anew is cold again. All that another container sees of that is that nobody listens on the
/// server's port for a moment.
struct CompanionMachine: Hashable, Sendable {
    enum Stage: Hashable, Sendable {
        /// Its probe has not been answered. Can transition to: `playing`, `warm`.
        case waiting
        /// The warm-up requests are under way. Can transition to: `warm`, `waiting`, `givenUp`.
        case playing
        /// Can transition to: `waiting`.
        case warm
        /// For good.
        case givenUp(String)
    }

    enum Action: Hashable, Sendable {
        /// Answered by `probed`.
        case probe
        /// Answered by `played`.
        case play
        /// See whether somebody listens; answered by `watched`.
        case watch
        case leave(String)
    }

    /// Then the companion ends and says why: its last words are what the cluster shows.
    static let mostAttempts = 5
    static let probePause = Duration.milliseconds(250)
    static let retryPause = Duration.seconds(1)
    /// Shorter than a container takes to start again.
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

    /// Before `action` is carried out.
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
