import ControlPorts
import ModelManifests

/// An announcement that the server refused, and when to try it again: at once if the announcement changes, at growing intervals
/// if it stays the same. Pure: times are passed in.
struct RefusedAnnouncement: Equatable {
    static let firstDelay = Duration.seconds(1)
    static let longestDelay = Duration.seconds(30)

    let words: SpecFingerprint
    let refusal: PublishRefusal
    let at: Duration
    let count: Int

    init(_ refusal: PublishRefusal, of announcement: PublishedManifest, at now: Duration, after before: Self?) {
        words = announcement.words
        self.refusal = refusal
        at = now
        count = before?.words == words ? (before?.count ?? 0) + 1 : 1
    }

    func isDue(_ announcement: PublishedManifest, now: Duration) -> Bool {
        announcement.words != words || now - at >= delay
    }

    var delay: Duration {
        min(Self.longestDelay, Self.firstDelay * (1 << min(count - 1, Self.doublings)))
    }

    private static let doublings = 8
}

extension PublishedManifest {
    /// The announcement without the commit, because a newer commit may announce the same.
    var words: SpecFingerprint {
        SpecFingerprint(
            canonical: labels.sorted { $0.key < $1.key }.map { "\($0)=\($1)\n" }.joined() + spec)
    }
}
