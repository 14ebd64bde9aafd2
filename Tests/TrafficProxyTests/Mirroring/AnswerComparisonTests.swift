import JSON
import ModelManifests
import NIOCore
import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct AnswerComparisonTests {
    private static func answer(_ text: String, status: Int = 200) -> PairedAnswer {
        PairedAnswer(status: status, body: .bytes(ByteBuffer(string: text), BodyForm(), bytesMax: 1000))
    }

    private static func compare(
        _ user: String, _ shadow: String, path: String = "", tolerance: Double = 0, range: Double = 1
    ) throws -> AnswerComparison.Outcome {
        let steps = path.isEmpty ? JSONPath(steps: []) : try #require(JSONPath(path))
        return try AnswerComparison.compare(
            user: answer(user), shadow: answer(shadow),
            by: ShadowComparison(path: steps, tolerance: tolerance, range: range))
    }

    @Test(
        "values of the same shape agree, in any order and spacing",
        arguments: [
            (#"{"a":1,"b":[true,null,"x"]}"#, #" { "b" : [ true, null, "x" ], "a" : 1.0 } "#),
            ("[]", "[ ]"), ("{}", "{}"), ("\"\\u00e9\"", "\"é\""), ("1e2", "100"), ("0", "-0.0"), ("1e400", "1e500"),
        ])
    func equal(user: String, shadow: String) throws {
        #expect(try Self.compare(user, shadow) == .same)
    }

    @Test(
        "other shapes, or different values that are not numbers, have the greatest distance",
        arguments: [
            (#"{"a":1}"#, #"{"b":1}"#), (#"{"a":1}"#, #"{"a":1,"b":1}"#), ("[1]", "[1,1]"), ("[1]", "1"),
            ("1", "\"1\""),
            ("true", "false"), ("null", "0"), ("\"a\"", "\"b\""), ("{}", "[]"), (#"[1,{"a":"x"}]"#, #"[1,{"a":"y"}]"#),
            ("1", "not JSON"), ("1", ""), ("1", "[1"),
        ])
    func different(user: String, shadow: String) throws {
        #expect(try Self.compare(user, shadow) == .differs)
    }

    @Test("numbers agree within the tolerance; the distance is their mean share of the range, at most 1")
    func numbers() throws {
        #expect(try Self.compare("[0.5,0.5]", "[0.5,0.75]", tolerance: 0.25) == .init(agrees: true, distance: 0.125))
        #expect(try Self.compare("[0.5,0.5]", "[0.5,0.75]", tolerance: 0.2) == .init(agrees: false, distance: 0.125))
        #expect(try Self.compare("[0,0,0,0]", "[0,0,0,900]", range: 10) == .init(agrees: false, distance: 0.25))
        #expect(try Self.compare("1e400", "1") == .init(agrees: false, distance: 1))
        #expect(try Self.compare("[10]", "[20]", range: 100) == .init(agrees: false, distance: 0.1))
    }

    @Test("only the value at the path counts; a shadow without it disagrees, a user's answer without it does not count")
    func path() throws {
        let (user, shadow) = (#"{"id":"a","out":[1,2]}"#, #"{"id":"b","out":[1,2]}"#)
        #expect(try Self.compare(user, shadow) == .differs)
        #expect(try Self.compare(user, shadow, path: "out") == .same)
        #expect(try Self.compare(user, #"{"id":"b"}"#, path: "out[1]") == .differs)
        #expect(throws: MissingValueReason.noValue) { try Self.compare(#"{"id":"b"}"#, user, path: "out") }
        #expect(throws: MissingValueReason.notJSON) { try Self.compare("text", "text", path: "out") }
    }

    @Test("bodies that are not JSON are compared byte by byte")
    func bytes() throws {
        #expect(try Self.compare("a plain text", "a plain text") == .same)
        #expect(try Self.compare("a plain text", "a plain  text") == .differs)
        #expect(try Self.compare("data: 1\n\n", "{}") == .differs)
    }

    @Test(
        "another status class disagrees; the same class without success agrees",
        arguments: [
            (200, 500, AnswerComparison.Outcome.differs), (200, 404, .differs), (404, 200, .differs), (404, 422, .same),
            (302, 307, .same),
        ])
    func statuses(user: Int, shadow: Int, outcome: AnswerComparison.Outcome) throws {
        let result = try AnswerComparison.compare(
            user: Self.answer("1", status: user), shadow: Self.answer("2", status: shadow), by: ShadowComparison())
        #expect(result == outcome)
    }

    @Test("a user's answer that is an error, empty, compressed or too large makes no pair")
    func unseen() {
        let shadow = Self.answer("1")
        let users: [(PairedAnswer, MissingValueReason)] = [
            (Self.answer("1", status: 500), .noValue), (Self.answer(""), .noValue),
            (PairedAnswer(status: 200, body: .unseen(.tooLarge)), .tooLarge),
            (PairedAnswer(status: 200, body: .unseen(.compressed)), .compressed),
        ]
        for (user, why) in users {
            #expect(throws: why) {
                try AnswerComparison.compare(user: user, shadow: shadow, by: ShadowComparison())
            }
        }
    }

    @Test("a shadow's body over the limit is a disagreement: nothing can hide behind its size")
    func large() throws {
        let user = Self.answer("1")
        let large = PairedAnswer(status: 200, body: .unseen(.tooLarge))
        #expect(try AnswerComparison.compare(user: user, shadow: large, by: ShadowComparison()) == .differs)
        for why in [MissingValueReason.compressed, .noRoom] {
            let lost = PairedAnswer(status: 200, body: .unseen(why))
            #expect(throws: why) { try AnswerComparison.compare(user: user, shadow: lost, by: ShadowComparison()) }
        }
    }

    @Test("a shadow's body that is not compressed as declared is a disagreement")
    func garbled() throws {
        let user = Self.answer("1")
        for bytes in [Array("1".utf8), Array(gzippedScore.dropLast(3))] {
            let body = CopiedBody.bytes(ByteBuffer(bytes: bytes), BodyForm(coding: .deflated), bytesMax: 1000)
            let shadow = PairedAnswer(status: 200, body: body)
            #expect(try AnswerComparison.compare(user: user, shadow: shadow, by: ShadowComparison()) == .differs)
        }
    }

    @Test("the distance of random numbers follows the formula, and is symmetric")
    func formula() throws {
        var random = SeededRandom(seed: 41)
        for _ in 0..<500 {
            let count = Int.random(in: 1...20, using: &random)
            let (ones, others) = (random.numbers(count), random.numbers(count))
            let wanted = zip(ones, others).map { min(abs($0 - $1) / 3, 1) }.reduce(0, +) / Double(count)
            let outcome = try Self.compare("\(ones)", "\(others)", range: 3)
            #expect(abs(outcome.distance - wanted) < 1e-12 && (0...1).contains(outcome.distance))
            #expect(try Self.compare("\(others)", "\(ones)", range: 3) == outcome)
            #expect(try Self.compare("\(ones)", "\(ones)") == .same)
        }
    }
}

extension SeededRandom {
    fileprivate mutating func numbers(_ count: Int) -> [Double] {
        (0..<count).map { _ in Double.random(in: -2...2, using: &self) }
    }
}
