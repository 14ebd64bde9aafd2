import Analysis
import TestSupport

/// The result of one rollout of a stream.
struct Watched: Sendable {
    struct Moment: Sendable {
        var total: Int
        var candidate: Int
    }

    var failed: Moment?
    /// Before it failed, if it did.
    var passed: Moment?
}

extension Judgement {
    /// Looks until it fails, until the last look, or until the first pass if only that is needed.
    mutating func watch(
        _ path: RatePath, _ looks: Looks, _ draws: inout SeededDraws, untilPass: Bool = false
    ) -> Watched {
        var traffic = ErrorTraffic(path, horizon: looks.totals.last ?? 1)
        var watched = Watched()
        for total in looks.totals {
            absorb(traffic.advance(to: total, &draws))
            let moment = Watched.Moment(total: total, candidate: traffic.toCandidate)
            switch verdict {
            case .fail:
                watched.failed = moment
                return watched
            case .pass:
                if watched.passed == nil { watched.passed = moment }
                if untilPass { return watched }
            case .insufficient: break
            }
        }
        return watched
    }
}
