import Serving

/// Remembers what was written, and decides whether it must be written again. Pure: times are passed in.
///
/// # Guarantees
/// - An object that is as it was applied is not written: neither if nothing changed, nor while a cache has not seen the write.
/// - If somebody else changes one of mlctl's fields or deletes the object, it is written once.
/// - If another writer keeps changing the object, it is restored at growing intervals, so that two controllers do not race.
struct WriteLedger: Sendable {
    /// How long a cache may show the state before a write until it no longer counts as late.
    static let patience = Duration.seconds(10)

    struct Written: Hashable, Sendable {
        var hash: String
        /// The version in the cache before the write; nil: the object was not there.
        var before: String?
        /// The version that the write created, from the answer.
        var after: String?
        /// `ObjectWriters.own` from the answer.
        var own: UInt64?
        var at: Duration

        /// Whether the cache shows a state from before the write, or between its parts: the cluster's controllers write too.
        /// Versions of one type increase; the API does not promise that they are numbers.
        func isLater(than version: String) -> Bool {
            if version == before { return true }
            guard let shown = UInt64(version), let made = after.flatMap({ UInt64($0) }) else { return false }
            return shown < made
        }
    }

    enum Verdict: Hashable, Sendable {
        case upToDate
        /// The cache does not show the last write yet, or the object is still being deleted. The change will start the next pass.
        case awaitCache
        /// - Parameter corrects: whether somebody else changed or deleted the object.
        case write(corrects: Bool)
        /// Another writer keeps changing the object: wait before the next correction.
        case hold
    }

    private var written: [ObjectID: Written] = [:]
    private var corrections: [ObjectID: RewriteThrottle] = [:]

    /// - Parameter expected: the `FieldTree.digest` of the fields that the body will own. Computed only if no answer is known.
    func verdict(
        _ object: ObjectID, hash: String, live: LiveObject?, now: Duration, expected: () -> UInt64
    ) -> Verdict {
        let last = written[object]
        let isRecent = last.map { $0.hash == hash && now - $0.at < Self.patience } ?? false
        guard let live else {
            if isRecent, last?.before == nil { return .awaitCache }
            return correcting(object, isCorrection: last?.hash == hash, now)
        }
        if live.isBeingDeleted { return .awaitCache }
        if live.applied == hash {
            let own = last?.hash == hash ? last?.own : nil
            if live.writers.own == own ?? expected() { return .upToDate }
        }
        if isRecent, let last, last.isLater(than: live.resourceVersion) { return .awaitCache }
        // Another of our controllers began this write and this one did not finish it: that is not an edit.
        return correcting(object, isCorrection: live.applied == hash || last?.hash == hash, now)
    }

    private func correcting(_ object: ObjectID, isCorrection: Bool, _ now: Duration) -> Verdict {
        guard isCorrection else { return .write(corrects: false) }
        return !mayCorrect(object, now: now) ? .hold : .write(corrects: true)
    }

    /// Whether the interval since the last correction is over. It grows while another writer keeps changing the object.
    func mayCorrect(_ object: ObjectID, now: Duration) -> Bool { corrections[object]?.isDue(now) != false }

    mutating func noteCorrection(of object: ObjectID, at now: Duration) {
        corrections[object, default: RewriteThrottle()].note(now)
    }

    mutating func note(_ object: ObjectID, _ entry: Written, corrects: Bool) {
        written[object] = entry
        if corrects { noteCorrection(of: object, at: entry.at) }
    }

    /// Whether another writer keeps changing the object.
    func isContested(_ object: ObjectID, now: Duration) -> Bool { corrections[object]?.isContested(now) == true }

    /// Objects whose last write the caches do not show yet.
    func unseen(_ live: (ObjectID) -> LiveObject?) -> [ObjectID] {
        written.compactMap { id, last in live(id)?.applied == last.hash ? nil : id }
    }

    /// The object is gone, so the last write no longer describes it.
    mutating func forgetWrite(of object: ObjectID) {
        guard written[object] != nil else { return }
        written[object]?.before = ""
    }

    /// The object is no longer wanted.
    mutating func forget(_ object: ObjectID) {
        written[object] = nil
        corrections[object] = nil
    }
}
