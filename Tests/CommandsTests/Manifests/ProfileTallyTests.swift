import ModelManifests
import Testing

@testable import Commands

@Suite struct ProfileTallyTests {
    static func profile(
        _ sorting: ProfileTally.Sorting = .automatic, _ values: [RecordedValue?]
    ) throws -> PredictionProfile {
        var tally = ProfileTally(sorting)
        for (index, value) in values.enumerated() { try tally.add(value, line: index + 2) }
        return try tally.profile()
    }

    static func texts(_ texts: [String]) -> [RecordedValue?] { texts.map { .text($0) } }

    @Test("numbers are counted in ten buckets with equal counts")
    func deciles() throws {
        let profile = try Self.profile(.automatic, (1...1_000).map { .number(Double($0) / 1_000) })
        #expect(profile.buckets == .edges([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]))
        #expect(profile.counts == Array(repeating: 100, count: 10))
    }

    @Test("edges are distinct, and the last bucket is empty only if all numbers are equal")
    func fewNumbers() throws {
        let flags = try Self.profile(.quantiles(10), Self.texts(["0", "1", "0", "0", "1"]))
        #expect(flags == PredictionProfile(buckets: .edges([0]), counts: [3, 2]))
        let one = try Self.profile(.quantiles(10), Self.texts(["5", "5"]))
        #expect(one == PredictionProfile(buckets: .edges([5]), counts: [2, 0]))
        let large = try Self.profile(
            .quantiles(4), Self.texts(["1700000001", "1700000002", "1700000003", "1700000004"]))
        #expect(
            large
                == PredictionProfile(
                    buckets: .edges([1_700_000_001, 1_700_000_002, 1_700_000_003]), counts: [1, 1, 1, 1]))
        let digits = try Self.profile(.quantiles(2), Self.texts(["0.123456789", "0.5"]))
        #expect(digits.buckets == .edges([0.123457]))
    }

    @Test("given edges and classes are kept, and a value at an edge belongs to the bucket below")
    func given() throws {
        let edges = try Self.profile(.edges([0.1, 0.5]), Self.texts(["0.1", " 0.5 ", "0.50001", "-3", "1e3"]))
        #expect(edges == PredictionProfile(buckets: .edges([0.1, 0.5]), counts: [2, 1, 2]))
        let classes = try Self.profile(
            .classes(["cat", "1"]), [.text("cat"), .number(1), .text("dog"), nil, .text("Cat")])
        #expect(classes == PredictionProfile(buckets: .classes(["cat", "1"]), counts: [1, 1, 2]))
    }

    @Test("labels are ordered by frequency, and those beyond 31 count as the rest")
    func labels() throws {
        let values = (0..<40).flatMap { index in Array(repeating: "label\(index)", count: 41 - index) }
        let profile = try Self.profile(.automatic, Self.texts(values.reversed()))
        #expect(profile.buckets == .classes((0..<31).map { "label\($0)" }))
        #expect(profile.counts == (0..<31).map { 41 - $0 } + [(31..<40).reduce(0) { $0 + 41 - $1 }])
    }

    @Test("text where a number is expected is reported with its line")
    func notNumbers() throws {
        for (sorting, values) in [
            (ProfileTally.Sorting.automatic, ["1", "2", "n/a"]), (.quantiles(5), ["1", "2", "nan"]),
            (.edges([1]), ["1", "2", "inf"]),
        ] {
            let error = try #require(throws: DataError.self) { try Self.profile(sorting, Self.texts(values)) }
            #expect(
                error.description
                    == "line 4: '\(values[2])' is not a number: leave the field empty, or count labels with --classes")
        }
    }

    @Test("a profile without values is refused")
    func empty() throws {
        for values in [[], [nil, nil]] as [[RecordedValue?]] {
            let error = try #require(throws: DataError.self) { try Self.profile(.automatic, values) }
            #expect(error.description == "there are no values in \(values.count) rows")
        }
    }

    @Test("values that are all different are refused as classes")
    func tooManyLabels() throws {
        var tally = ProfileTally(.automatic)
        for index in 0..<ProfileTally.labelLimit { try tally.add(.text("id\(index)"), line: index + 2) }
        let error = try #require(throws: DataError.self) { try tally.add(.text("one more"), line: 9) }
        #expect(error.line == 9)
    }
}
