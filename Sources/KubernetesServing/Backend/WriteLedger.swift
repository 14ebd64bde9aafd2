import Serving

/// What was written, and whether it has to be written again. Pure: times are passed in.
///
/// # Guarantees
/// - What is as it was applied is not written: neither when nothing changed, nor while a cache has not seen the write yet.
/// - What somebody else changed of mlctl's fields, or deleted, is written once.
/// - Whoever puts it back again and again is answered more and more seldom, so that two controllers do not race.
struct WriteLedger: Sendable {
    /// For how long a cache that shows what was there before a write is taken to be late.
    static let patience = Duration.seconds(10)

    struct Written: Hashable, Sendable {
        var hash: String
        /// What the cache had; nil: nothing.
        var before: String?
        /// The version that the write made, as the answer has it.
        var after: String?
        /// Of `ObjectWriters`, as the answer has it.
        var own: UInt64?
        var at: Duration

        /// The cache shows what was there before the write, or between its parts: the cluster's controllers write too.
        /// Versions of one type rise; whether they are numbers, the API leaves open.
        func isLater(than version: String) -> Bool {
            if version == before { return true }
            guard let shown = UInt64(version), let made = after.flatMap({ UInt64($0) }) else { return false }
            return shown < made
        }
    }

    enum Verdict: Hashable, Sendable {
        case upToDate
        /// The cache does not show the last write yet, or the object is still being deleted: its change wakes the loop.
        case awaitCache
        /// - Parameter corrects: somebody else changed or deleted it.
        case write(corrects: Bool)
        /// Somebody else puts it back each time.
        case hold
    }

    private var written: [ObjectID: Written] = [:]
    private var corrections: [ObjectID: CorrectionPace] = [:]

    /// - Parameter expected: `FieldTree.digest` of what the body will own: asked for only where no answer is known.
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
        // What another controller of ours began, this one has not written: it is no edit.
        return correcting(object, isCorrection: live.applied == hash || last?.hash == hash, now)
    }

    private func correcting(_ object: ObjectID, isCorrection: Bool, _ now: Duration) -> Verdict {
        guard isCorrection else { return .write(corrects: false) }
        return !mayCorrect(object, now: now) ? .hold : .write(corrects: true)
    }

    /// Whoever changes it again and again is answered more and more seldom.
    func mayCorrect(_ object: ObjectID, now: Duration) -> Bool { corrections[object]?.isDue(now) != false }

    mutating func noteCorrection(of object: ObjectID, at now: Duration) {
        corrections[object, default: CorrectionPace()].note(now)
    }

    mutating func note(_ object: ObjectID, _ entry: Written, corrects: Bool) {
        written[object] = entry
        if corrects { noteCorrection(of: object, at: entry.at) }
    }

    /// True while somebody else is at it.
    func isContested(_ object: ObjectID, now: Duration) -> Bool { corrections[object]?.isContested(now) == true }

    /// Objects of which the last write has not come back yet.
    func unseen(_ live: (ObjectID) -> LiveObject?) -> [ObjectID] {
        written.compactMap { id, last in live(id)?.applied == last.hash ? nil : id }
    }

    /// It is gone: that it was written says nothing any more.
    mutating func forgetWrite(of object: ObjectID) {
        guard written[object] != nil else { return }
        written[object]?.before = ""
    }

    /// It is not wanted any more.
    mutating func forget(_ object: ObjectID) {
        written[object] = nil
        corrections[object] = nil
    }
}
