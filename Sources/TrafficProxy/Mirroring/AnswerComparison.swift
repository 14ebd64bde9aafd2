import JSON
import ModelManifests
import NIOCore

/// One answer of a pair, as it is passed out of the event loop.
struct PairedAnswer: Hashable, Sendable {
    var status: Int
    var body: CopiedBody

    /// No answer. Its status class differs from that of any answer that a user can get.
    static func none(to user: PairedAnswer) -> PairedAnswer { PairedAnswer(status: 0, body: user.body) }
}

/// Compares a shadow's answer with the answer that the user got to the same request.
///
/// A pair counts only if the user's answer has a value to compare: it is not 5xx, and a 2xx has a body that could be copied and
/// that contains the path. Then every difference of the shadow is a disagreement: no answer in time, another status class, no
/// such value, a body over the limit, or a body that is not compressed as declared.
enum AnswerComparison {
    struct Outcome: Hashable, Sendable {
        var agrees: Bool
        /// The mean of `min(|a − b| / range, 1)` over paired numbers. 1 if anything else differs.
        var distance: Double

        static let differs = Outcome(agrees: false, distance: 1)
        static let same = Outcome(agrees: true, distance: 0)
    }

    /// - Throws: why the pair cannot be compared.
    static func compare(
        user: PairedAnswer, shadow: PairedAnswer, by comparison: ShadowComparison
    ) throws(MissingValueReason) -> Outcome {
        guard user.status < 500 else { throw .noValue }
        let isSuccess = user.status / 100 == 2
        let theirs = isSuccess ? try user.body.payload.get() : ByteBuffer()
        if isSuccess, theirs.readableBytes == 0 { throw .noValue }
        guard user.status / 100 == shadow.status / 100 else { return .differs }
        guard isSuccess else { return .same }
        let ours: ByteBuffer
        do throws(MissingValueReason) {
            ours = try shadow.body.payload.get()
        } catch {
            switch error {
            case .tooLarge, .garbled: return .differs
            case .incomplete, .compressed, .noRoom, .notJSON, .noValue: throw error
            }
        }
        return try compare(theirs, ours, by: comparison)
    }

    private static func compare(
        _ user: ByteBuffer, _ shadow: ByteBuffer, by comparison: ShadowComparison
    ) throws(MissingValueReason) -> Outcome {
        let wanted: JSONValue
        do throws(MissingValueReason) {
            wanted = try tree(user, at: comparison.path)
        } catch {
            guard error == .notJSON, comparison.path.steps.isEmpty else { throw error }
            return user == shadow ? .same : .differs
        }
        do throws(MissingValueReason) {
            return compare(wanted, try tree(shadow, at: comparison.path), by: comparison)
        } catch {
            return .differs
        }
    }

    private static func tree(_ body: ByteBuffer, at path: JSONPath) throws(MissingValueReason) -> JSONValue {
        let found: Result<JSONValue?, JSONScanner.Fault> = body.withUnsafeReadableBytes { bytes in
            Result { () throws(JSONScanner.Fault) in
                if path.steps.isEmpty { return try JSONValue(scanning: bytes) }
                guard let range = try JSONScanner.range(of: path, in: bytes) else { return nil }
                return try JSONValue(scanning: UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
        switch found {
        case .failure: throw .notJSON
        case .success(nil): throw .noValue
        case .success(let tree?): return tree
        }
    }

    static func compare(_ user: JSONValue, _ shadow: JSONValue, by comparison: ShadowComparison) -> Outcome {
        var numbers = NumberDistance(tolerance: comparison.tolerance, range: comparison.range)
        guard numbers.enter(user, shadow) else { return .differs }
        return Outcome(agrees: numbers.agree, distance: numbers.mean)
    }
}

/// The distance between the numbers of two values of the same shape.
private struct NumberDistance {
    let tolerance: Double
    let range: Double
    private(set) var agree = true
    private var sum = 0.0
    private var count = 0

    init(tolerance: Double, range: Double) {
        self.tolerance = tolerance
        self.range = range
    }

    var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// - Returns: false if the shapes differ, or values that are not numbers.
    mutating func enter(_ one: JSONValue, _ other: JSONValue) -> Bool {
        if let a = one.number, let b = other.number {
            count += 1
            if a == b { return true }
            let apart = abs(a - b)
            if !(apart <= tolerance) { agree = false }
            sum += min(apart / range, 1)
            return true
        }
        switch (one, other) {
        case (.array(let ones), .array(let others)):
            guard ones.count == others.count else { return false }
            for (one, other) in zip(ones, others) where !enter(one, other) { return false }
            return true
        case (.object(let ones), .object(let others)):
            guard ones.count == others.count else { return false }
            for (name, one) in ones {
                guard let other = others[name], enter(one, other) else { return false }
            }
            return true
        case (.array, _), (.object, _): return false
        default: return one == other
        }
    }
}
